package promises

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
)

// draw makes up an operation.
func (s *simulation) draw(focus string, focused *session) *try {
	o := &try{doing: &doing{at: s.procs[s.random.IntN(2)], through: make(chan struct{})}, user: focus}
	g := o.at.guard
	o.loses = s.random.IntN(12) == 0
	n := s.random.IntN(100)
	switch {
	case n < 10:
		o.kind, o.makes, o.unsafe = "login", true, true
		remember := s.random.IntN(5) == 0
		switch s.random.IntN(5) {
		case 0:
			s.show(o, focus, focused)
		case 1: // somebody else's session in the same browser
			s.show(o, modelPeople[s.random.IntN(len(modelPeople))], nil)
			o.foreign = o.user != focus
		}
		o.user = focus
		o.ends = func(own *session) bool { return o.own != nil && own == o.own && o.verdict == live }
		o.run = func(ctx context.Context) error {
			return s.request(ctx, o, "POST", func(ctx context.Context, r *nguard.Request) (*nguard.Session, error) {
				return r.Login(ctx, focus, nguard.LoginOptions{Remember: remember})
			})
		}
		return o
	case n < 15:
		o.kind, o.addsWrite = "role", true
		to := []string{"user", "moderator"}[s.random.IntN(2)]
		o.run = s.changeUser(o, func(u *nguard.User) { u.Role = to })
		return o
	case n < 18:
		o.kind, o.addsWrite = "enable", true
		o.run = s.changeUser(o, func(u *nguard.User) { u.Disabled = false })
		if p := s.people[focus]; !p.disabled && s.random.IntN(3) > 0 {
			o.kind = "disable"
			o.ends = func(own *session) bool { return own.user == o.user }
			o.run = s.changeUser(o, func(u *nguard.User) { u.Disabled = true })
		}
		return o
	case n < 20:
		o.kind = "revoke"
		if o.own = s.anySession(focus); o.own == nil {
			break
		}
		o.ends = func(own *session) bool { return own == o.own }
		o.run = func(ctx context.Context) error { return g.Revoke(nguard.WithActor(ctx, "op"), o.user, o.own.id) }
		return o
	case n < 21:
		o.kind = "revoke-all"
		o.ends = func(own *session) bool { return own.user == o.user }
		o.run = func(ctx context.Context) error { return g.RevokeUser(nguard.WithActor(ctx, "op"), o.user) }
		return o
	case n < 22:
		keep := s.anySession(focus)
		if keep == nil {
			break
		}
		o.kind = "revoke-rest"
		o.ends = func(own *session) bool { return own.user == o.user && own != keep }
		o.run = func(ctx context.Context) error { return g.RevokeUser(nguard.WithActor(ctx, "op"), o.user, keep.id) }
		return o
	case n < 24:
		o.kind = "sweep"
		o.run = func(ctx context.Context) error { _, err := g.Sweep(ctx); return err }
		return o
	case n < 28:
		if o.own = s.anySession(focus); o.own == nil {
			break
		}
		o.kind, o.addsVisit = "job", true
		o.run = func(ctx context.Context) (err error) {
			o.session, err = g.Update(nguard.WithActor(ctx, "job"), o.user, o.own.id, func(d *nguard.Draft) error {
				return visits.Modify(d, func(n int) int { return n + 1 })
			})
			return err
		}
		return o
	}
	s.show(o, focus, focused)
	method := "GET"
	if o.unsafe = s.random.IntN(100) < 60; o.unsafe {
		method = "POST"
	}
	var act func(ctx context.Context, r *nguard.Request) (*nguard.Session, error)
	visit := func(d *nguard.Draft) error { return visits.Modify(d, func(n int) int { return n + 1 }) }
	rename := func(d *nguard.Draft) error {
		return name.Modify(d, func(old string) string { return "n" + strconv.Itoa(personOf(nguard.User{Name: old}).n+1) })
	}
	update := func(fns ...func(*nguard.Draft) error) func(context.Context, *nguard.Request) (*nguard.Session, error) {
		return func(ctx context.Context, r *nguard.Request) (*nguard.Session, error) {
			return r.Update(ctx, func(d *nguard.Draft) error {
				for _, fn := range fns {
					if err := fn(d); err != nil {
						return err
					}
				}
				return nil
			})
		}
	}
	switch n := s.random.IntN(100); {
	case n < 45:
		o.kind = "load"
		act = func(_ context.Context, r *nguard.Request) (*nguard.Session, error) { return r.Session() }
	case n < 62:
		o.kind, o.addsVisit, act = "visit", true, update(visit)
	case n < 68:
		o.kind, o.addsWrite, act = "rename", true, update(rename)
	case n < 73:
		o.kind, o.addsVisit, o.addsWrite, act = "both", true, true, update(visit, rename)
	case n < 77:
		to := []string{"user", "moderator"}[s.random.IntN(2)]
		o.kind, o.addsWrite = "own-role", true
		act = update(rename, func(d *nguard.Draft) error { return role.Set(d, to) })
	case n < 87:
		o.kind = "refresh"
		act = func(ctx context.Context, r *nguard.Request) (*nguard.Session, error) { return r.Refresh(ctx) }
	case n < 92:
		o.kind, o.unsafe, method = "logout", true, "POST"
		o.ends = func(own *session) bool { return own == o.own && o.verdict == live }
		act = func(ctx context.Context, r *nguard.Request) (*nguard.Session, error) { return nil, r.Logout(ctx) }
	case n < 97:
		o.kind, o.makes, o.replaces = "step-up", true, true
		o.ends = func(own *session) bool { return own == o.own && o.verdict == live }
		act = func(ctx context.Context, r *nguard.Request) (*nguard.Session, error) {
			return r.Reauthenticated(ctx, nguard.LoginOptions{Methods: []string{"totp"}})
		}
	default:
		o.kind, o.makes, o.replaces = "end-others", true, true
		o.ends = func(own *session) bool { return o.own != nil && own.user == o.own.user && o.verdict == live }
		act = func(ctx context.Context, r *nguard.Request) (*nguard.Session, error) { return r.EndOthers(ctx) }
	}
	o.run = func(ctx context.Context) error { return s.request(ctx, o, method, act) }
	return o
}

func (s *simulation) changeUser(o *try, fn func(*nguard.User)) func(context.Context) error {
	return func(ctx context.Context) error {
		u, err := o.at.guard.ChangeUser(nguard.WithActor(ctx, "op"), o.user, func(u *nguard.User) error {
			u.Name = "n" + strconv.Itoa(personOf(*u).n+1)
			fn(u)
			return nil
		})
		o.wrote = personOf(u).n
		return err
	}
}

// anySession is a random session of a person, mostly a live one.
func (s *simulation) anySession(user string) *session {
	var alive, all []*session
	for _, id := range s.order {
		if own := s.sessions[id]; own.user == user {
			all = append(all, own)
			if !own.dead {
				alive = append(alive, own)
			}
		}
	}
	switch {
	case len(alive) > 0 && s.random.IntN(12) > 0:
		return alive[s.random.IntN(len(alive))]
	case len(all) > 0:
		return all[s.random.IntN(len(all))]
	}
	return nil
}

// show picks the token that the request carries.
func (s *simulation) show(o *try, user string, focused *session) {
	own := focused
	if own == nil || s.random.IntN(5) == 0 {
		own = s.anySession(user)
	}
	if own == nil || len(own.tokens) == 0 || s.random.IntN(60) == 0 {
		o.token = strings.Repeat("A", 72)
		o.shown = digestOf(o.token)
		return
	}
	o.token = own.held
	switch n := s.random.IntN(40); {
	case n < 4:
		o.token = own.tokens[len(own.tokens)-1] // the newest, although the answer was lost
	case n < 8:
		o.token = own.tokens[max(0, len(own.tokens)-2)]
	case n == 8:
		o.token = own.tokens[s.random.IntN(len(own.tokens))]
	}
	o.own, o.user, o.shown = own, own.user, digestOf(o.token)
}

// request sends a request through the net/http adapter, without a network.
func (s *simulation) request(ctx context.Context, o *try, method string, act func(context.Context, *nguard.Request) (*nguard.Session, error)) (err error) {
	g := o.at.guard
	r := httptest.NewRequestWithContext(nguard.WithActor(ctx, o.user), method, "/", nil)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if o.token != "" {
		r.Header.Set("Cookie", g.CookieName()+"="+o.token)
	}
	w := httptest.NewRecorder()
	httpguard.Sessions(g)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		req := httpguard.From(r)
		if o.session, err = act(r.Context(), req); err != nil {
			o.session = nil
		}
	})).ServeHTTP(w, r)
	o.live = o.token
	for _, line := range w.Header()["Set-Cookie"] {
		if rest, ok := strings.CutPrefix(line, g.CookieName()+"="); ok {
			o.live, _, _ = strings.Cut(rest, ";")
		}
	}
	return err
}
