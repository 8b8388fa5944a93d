package cookietest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
	"github.com/nguard-go/nguard/stores/cookiestore"
	"github.com/nguard-go/nguard/stores/memstore"
)

// H4: a write with the session cookie, and without a header that says where it comes from, is refused. Two values of
// the cookie are the cookie as well, however many cookies a session takes.
func TestH4_TwoValues(t *testing.T) {
	for name, s := range map[string]*site{"one cookie": open(t), "several": open(t, large)} {
		a, b := s.login("ann").value(), s.login("bob").value()
		r, err := http.NewRequest("POST", s.server.URL+"/api/auth/login", strings.NewReader(fmt.Sprintf(`{"id":"ann","password":%q}`, guardtest.Password)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Cookie", cookieName+"="+a+"; "+cookieName+"="+b)
		resp, err := s.server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden || len(resp.Cookies()) != 0 {
			t.Errorf("%s: got %d and %v", name, resp.StatusCode, resp.Cookies())
		}
	}
}

// One set of keys and rows for guards with different namespaces, as an operator may run them: the cookie of one is no
// session of the other (B8, G5), whatever the form.
func TestG5_Namespaces(t *testing.T) {
	for name, form := range map[string][]option{"row": nil, "bare": {bare}, "JWT": {tokens(t)}, "bare JWT": {tokens(t), bare}} {
		rows := memstore.New()
		in := func(ns string) *site {
			return open(t, append([]option{func(s *cookiestore.Config, g *nguard.Config) {
				s.Companion, g.Namespace = rows, ns
			}}, form...)...)
		}
		one, two, none := in("one"), in("two"), in("")
		value := one.login("ann").value()
		for what, other := range map[string]*site{"two": two, "none": none} {
			if a := other.session(value); a.status != http.StatusUnauthorized {
				t.Errorf("%s: in %s it got %d: %s", name, what, a.status, a.body)
			}
		}
		if a := one.session(value); a.status != http.StatusOK {
			t.Errorf("%s: at home it got %d", name, a.status)
		}
	}
}

// C13, C14: a cookie in one form is nothing in the other three, with the same keys and rows.
func TestC13_OtherForms(t *testing.T) {
	rows := memstore.New()
	same := func(s *cookiestore.Config, _ *nguard.Config) { s.Companion = rows }
	sites := map[string]*site{
		"row": open(t, same), "bare": open(t, bare), "JWT": open(t, same, tokens(t)), "bare JWT": open(t, bare, tokens(t)),
	}
	for from, s := range sites {
		value := s.login("ann").value()
		for to, other := range sites {
			if to != from {
				other.refused(from+" shown to "+to, other.session(value))
			}
		}
		// The sealed claim alone is nothing either, and a JWT around another's sealed value is not opened.
		if strings.HasSuffix(from, "JWT") {
			sealed, _ := payload(t, value)["sealed"].(string)
			for to, other := range sites {
				other.refused(from+": sealed claim alone, shown to "+to, other.session(sealed))
			}
		} else {
			for _, to := range []string{"JWT", "bare JWT"} {
				around := signed(jwtHeader, elsewhere("ann", "admin").with("sealed", value), shared)
				sites[to].refused(from+" inside a JWT, shown to "+to, sites[to].session(around))
			}
		}
	}
}

// D8: the sealed claim of one session in the token of another, by somebody who has the secret.
func TestD8_ClaimsOfAnother(t *testing.T) {
	for name, options := range map[string][]option{"row": {tokens(t)}, "bare": {tokens(t), bare}} {
		s := open(t, options...)
		ann, root := payload(t, s.login("ann").value()), payload(t, s.login("root").value())
		for what, c := range map[string]claims{
			"root's sealed":     ann.with("sealed", root["sealed"]),
			"root's session ID": ann.with("sessionId", root["sessionId"]),
		} {
			s.refused(name+", "+what, s.session(signed(jwtHeader, c, shared)))
		}
		// What is readable is not believed, and a later end keeps nothing alive.
		a := s.session(signed(jwtHeader, ann.with("user", claims{"id": "root", "role": "admin"}).with("role", "admin").with("exp", time.Now().AddDate(90, 0, 0).Unix()), shared))
		if a.status != http.StatusOK || a.session().Role != "user" || a.session().User["id"] != "ann" {
			t.Errorf("%s, forged claims: got %d: %s", name, a.status, a.body)
		}
		without := s.session(signed(jwtHeader, ann.with("sealed", nil), shared))
		if name == "row" && without.status != http.StatusUnauthorized {
			t.Errorf("%s, without the sealed claim: got %d", name, without.status)
		}
	}
}

// lossy is a companion whose writes are done, and whose answers are lost.
type lossy struct {
	*memstore.Store
	lost atomic.Bool
}

func (l *lossy) answer(err error) error {
	if err == nil && l.lost.Load() {
		return fmt.Errorf("%w: %w: the answer is lost", nguard.ErrUnavailable, nguard.ErrOutcomeUnknown)
	}
	return err
}

func (l *lossy) Create(ctx context.Context, r *nguard.Record, c nguard.Cap) (nguard.Created, error) {
	made, err := l.Store.Create(ctx, r, c)
	if err = l.answer(err); err != nil {
		return nguard.Created{}, err
	}
	return made, nil
}

func (l *lossy) Replace(ctx context.Context, f nguard.Found, next *nguard.Record, rotate bool) (nguard.Found, error) {
	got, err := l.Store.Replace(ctx, f, next, rotate)
	if err = l.answer(err); err != nil {
		return nguard.Found{}, err
	}
	return got, nil
}

func (l *lossy) Delete(ctx context.Context, owner, id string) error {
	return l.answer(l.Store.Delete(ctx, owner, id))
}

// N11: the companion has written, and nobody knows. No cookie is given for it, nobody is signed out by it, and nobody
// keeps an authority by it.
func TestN11_AnswersLost(t *testing.T) {
	rows := &lossy{Store: memstore.New()}
	s := open(t, func(c *cookiestore.Config, _ *nguard.Config) { c.Companion = rows })
	root, ann := s.login("root"), s.login("ann")
	lose := func(fn func()) {
		rows.lost.Store(true)
		defer rows.lost.Store(false)
		fn()
	}
	fails := func(what string, a answer) {
		t.Helper()
		if a.status != http.StatusServiceUnavailable || len(a.cookies) != 0 {
			t.Errorf("%s: got %d and %v: %s", what, a.status, a.cookies, a.body)
		}
	}
	lose(func() {
		fails("login", s.browser().do("POST", "/api/auth/login", fmt.Sprintf(`{"id":"bob","password":%q}`, guardtest.Password)))
	})
	lose(func() { fails("update", ann.do("POST", "/api/auth/update", `{"note":"lost"}`)) })
	ann.me()
	lose(func() { fails("refresh", ann.do("POST", "/api/auth/refresh", "")) })
	ann.me() // the successor that nobody got is given now
	lose(func() { ann.do("POST", "/api/auth/refresh", "") })
	ann.me()
	ann.ok(ann.do("POST", "/api/auth/update", `{"note":"kept"}`))
	if me := ann.me(); me.Data["note"] != "kept" {
		t.Errorf("the note is %q", me.Data["note"])
	}
	// A demotion, of which the person's own session cannot be told for sure.
	root.ok(root.do("POST", "/api/auth/update-role", `{"userId":"ann","newRole":"admin"}`))
	if me := ann.me(); me.Role != "admin" {
		t.Fatalf("the role is %q", me.Role)
	}
	admin := ann.value()
	root.ok(root.do("POST", "/api/auth/update-role", `{"userId":"ann","newRole":"user"}`))
	for range 3 {
		lose(func() {
			ann.put(admin)
			if a := ann.do("GET", "/api/auth/session", ""); a.status != http.StatusOK || a.session().Role != "user" {
				t.Errorf("demoted: got %d: %s", a.status, a.body)
			}
		})
		ann.put(admin)
		if a := ann.do("POST", "/api/auth/update-role", `{"userId":"bob","newRole":"admin"}`); a.status != http.StatusForbidden {
			t.Errorf("demoted: got %d", a.status)
		}
	}
	before := ann.value()
	lose(func() { fails("logout", ann.do("POST", "/api/auth/logout", "")) })
	if a := s.session(before); a.status != http.StatusUnauthorized {
		t.Errorf("logged out: got %d", a.status)
	}
}

// A request that is still at work when its token is replaced and past its grace has nothing but the row left, which
// has no role. What it asks for then is decided on the person as they are, not on somebody without any role: a policy
// may be a refusal.
func TestK6_LongRequest(t *testing.T) {
	var ahead atomic.Int64
	inside, on := make(chan struct{}), make(chan struct{})
	var once sync.Once
	barred := &nguard.Field[string]{Name: "nick", Write: policy.Not(roleUser), Scope: nguard.InUser}
	var before, update, after error
	s := program(t, func(_ *cookiestore.Config, g *nguard.Config) {
		g.Fields = append(g.Fields, barred)
		g.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	s.extra = func(mux *http.ServeMux) {
		mux.Handle("POST /long", s.handler(func(r *http.Request) error {
			once.Do(func() { close(inside) })
			<-on
			q := httpguard.From(r)
			_, before = q.Apply(r.Context(), []byte(`{"nick":"before"}`), nguard.ApplyOptions{})
			_, update = q.Update(r.Context(), func(d *nguard.Draft) error { return theme.Set(d, "dark") })
			_, after = q.Apply(r.Context(), []byte(`{"nick":"after"}`), nguard.ApplyOptions{})
			return nil
		}))
	}
	s.serve()
	ann := s.login("ann")
	done := make(chan answer)
	first := ann.value()
	go func() { done <- s.send("POST", "/long", "", cookieName+"="+first) }()
	<-inside
	ahead.Add(int64(time.Minute))
	ann.ok(ann.do("POST", "/api/auth/refresh", ""))
	ann.me()
	ahead.Add(int64(time.Minute))
	close(on)
	if a := <-done; a.status != http.StatusOK {
		t.Fatalf("got %d: %s", a.status, a.body)
	}
	if !errors.Is(before, nguard.ErrDenied) || update != nil || !errors.Is(after, nguard.ErrDenied) {
		t.Errorf("before: %v; update: %v; after: %v", before, update, after)
	}
	u, err := s.users.User(t.Context(), "ann")
	if err != nil || u.Data["nick"] != nil || u.Data["theme"] != "dark" {
		t.Errorf("the person is %v, %v", u, err)
	}
}

// A token from elsewhere says when it was signed, and servers sign anew with each change and refresh. That is no proof
// that the person was asked again: what wants a fresh proof is refused until they have been (ASVS 7.5.1).
func TestD6_SignedIsNotProved(t *testing.T) {
	s := program(t, tokens(t), bare)
	s.extra = func(mux *http.ServeMux) {
		mux.Handle("POST /grave", s.handler(func(r *http.Request) error {
			return httpguard.From(r).Authorize(r.Context(), policy.Fresh(5*time.Minute), nil)
		}))
	}
	s.serve()
	b := s.browser()
	b.put(signed(jwtHeader, elsewhere("ann", "user"), shared))
	b.me()
	if a := b.do("POST", "/grave", ""); a.status != http.StatusForbidden && a.status != http.StatusUnauthorized {
		t.Errorf("signed a moment ago: got %d: %s", a.status, a.body)
	}
	b.ok(b.do("POST", "/stepup", ""))
	b.ok(b.do("POST", "/grave", ""))
}
