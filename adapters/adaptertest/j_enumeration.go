package adaptertest

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// enumeration are the rules of group J of the checklist: no answer tells who exists.
var enumeration = []rule{
	{"J1 one answer", "Whoever is not let in gets one answer, to the byte, whatever the reason.", enumerationOneAnswer},
	{"J1 an outage", "An outage of the users table is not told from another by whom it concerns, nor lets anybody in.", enumerationOutage},
	{"J1 disabled people", "Nobody who is disabled gets in, also where the program's own check forgets to look.", enumerationDisabled},
	{"J2 the verifier", "Credentials are verified once for each attempt, of whomever they are.", enumerationVerifier},
	{"J3 the throttle", "The limit for one account treats accounts that do not exist alike.", enumerationThrottle},
	{"J4 an enormous password", "An enormous password or name never reaches the verifier.", enumerationEnormous},
	{"J5 dead tokens", "Dead tokens and foreign handles look like those that never were, and who may not manage learns nothing about who exists.", enumerationTokens},
}

// doorkeeper counts how often credentials are verified, and knows a person who is locked.
type doorkeeper struct {
	*guardtest.Users
	asked atomic.Int64
}

func (d *doorkeeper) Authenticate(ctx context.Context, c nguard.Credentials) (nguard.User, error) {
	d.asked.Add(1)
	if c.Get("id") == "locked" {
		return nguard.User{}, nguard.ErrBadCredentials
	}
	return d.Users.Authenticate(ctx, c)
}

// guarded is a world with a doorkeeper, and a person for each reason not to let them in.
func (k *kit) guarded(t *testing.T, options ...func(*nguard.Config)) (*world, *doorkeeper) {
	d := &doorkeeper{Users: guardtest.NewUsers(append(People(),
		nguard.User{ID: "locked", Email: "locked@example.com", Role: "user"},
		nguard.User{ID: "disabled", Email: "disabled@example.com", Role: "admin", Disabled: true})...)}
	b := k.open(t)
	b.users = d
	return newWorld(t, b, options...), d
}

// rejections are the ways not to get in.
var rejections = map[string]string{
	"unknown":                          attempt("nobody", guardtest.Password),
	"unknown address":                  `{"email":"nobody@example.com","password":"` + guardtest.Password + `"}`,
	"wrong":                            attempt("user", "wrong-password"),
	"wrong, of an admin":               attempt("admin", "wrong-password"),
	"wrong, by address":                `{"email":"user@example.com","password":"wrong-password"}`,
	"wrong, as long as can be":         attempt("user", strings.Repeat("x", 1000)),
	"locked":                           attempt("locked", guardtest.Password),
	"disabled":                         attempt("disabled", guardtest.Password),
	"disabled and wrong":               attempt("disabled", "wrong-password"),
	"unknown, other alphabet":          attempt("kimse-değil", guardtest.Password),
	"unknown, with a path":             attempt("../admin", guardtest.Password),
	"unknown, asking to be remembered": strings.Replace(attempt("nobody", "x"), "}", `,"remember":true}`, 1),
}

var digits = regexp.MustCompile(`(t=|Retry-After: )[0-9]+`)

func enumerationOneAnswer(t *testing.T, k *kit) {
	w, _ := k.guarded(t)
	var first string
	for what, body := range rejections {
		r := w.sends(w.written("POST", "/api/auth/login", body, sameOrigin, asJSON)).expect(401)
		if first == "" {
			first = r.stable()
		}
		if r.stable() != first {
			t.Errorf("%s:\n%s\nwant\n%s", what, r.stable(), first)
		}
		if len(r.header["Set-Cookie"]) != 0 {
			t.Errorf("%s: Set-Cookie %q", what, r.header["Set-Cookie"])
		}
	}
	if n := w.count("disabled") + w.count("locked"); n != 0 {
		t.Errorf("%d sessions of people who may not log in", n)
	}
}

// careless is an Authenticator that forgets to look whether a person is disabled.
type careless struct{ *guardtest.Users }

func (u *careless) Authenticate(ctx context.Context, c nguard.Credentials) (nguard.User, error) {
	return u.User(ctx, c.Get("id"))
}

// absent is a users table that cannot be reached.
type absent struct{ *guardtest.Users }

func (*absent) Authenticate(context.Context, nguard.Credentials) (nguard.User, error) {
	return nguard.User{}, errors.New("canary: connection refused")
}

func enumerationOutage(t *testing.T, k *kit) {
	b := k.open(t)
	b.users = &absent{guardtest.NewUsers(People()...)}
	w := newWorld(t, b)
	known := w.sends(w.written("POST", "/api/auth/login", credentials, sameOrigin, asJSON)).expect(503)
	unknown := w.sends(w.written("POST", "/api/auth/login", attempt("nobody", "x"), sameOrigin, asJSON)).expect(503)
	if known.body != unknown.body || strings.Contains(known.body+known.head, "canary") {
		t.Errorf("%s%s\n%s%s", known.head, known.body, unknown.head, unknown.body)
	}
}

func enumerationDisabled(t *testing.T, k *kit) {
	b := k.open(t)
	b.users = &careless{guardtest.NewUsers(append(People(), nguard.User{ID: "disabled", Role: "admin", Disabled: true})...)}
	w := newWorld(t, b)
	if a := w.browser().post("/api/auth/login", attempt("disabled", guardtest.Password)).expect(401); a.at("code") != "bad_credentials" {
		t.Errorf("answer %s", a.raw)
	}
	if _, _, err := w.guard.Login(nguard.WithActor(t.Context(), "test"), "disabled", nguard.LoginOptions{}); !errors.Is(err, nguard.ErrBadCredentials) {
		t.Errorf("Login by the program: %v", err)
	}
	w.loggedIn("user")
}

func enumerationVerifier(t *testing.T, k *kit) {
	w, door := k.guarded(t)
	for what, body := range rejections {
		before := door.asked.Load()
		w.browser().post("/api/auth/login", body).expect(401)
		if n := door.asked.Load() - before; n != 1 {
			t.Errorf("%s: verified %d times", what, n)
		}
	}
	before := door.asked.Load()
	w.loggedIn("user")
	if n := door.asked.Load() - before; n != 1 {
		t.Errorf("success: verified %d times", n)
	}
}

func enumerationThrottle(t *testing.T, k *kit) {
	limits := k.limits(t, time.Now).PerAccount("account", 3, time.Minute)
	w, door := k.guarded(t, func(c *nguard.Config) { c.Limits.Login = limits })
	answers := map[string][]string{}
	for _, id := range []string{"user", "admin", "nobody", "noone", "locked", "disabled"} {
		for range 5 {
			before := door.asked.Load()
			r := w.sends(w.written("POST", "/api/auth/login", attempt(id, "wrong-password"), sameOrigin, asJSON))
			answers[id] = append(answers[id], digits.ReplaceAllString(r.stable(), "${1}n"))
			if want := map[bool]int64{true: 1, false: 0}[r.status == 401]; door.asked.Load()-before != want {
				t.Errorf("%s: status %d, verified %d times", id, r.status, door.asked.Load()-before)
			}
			if r.status == 429 && strings.Contains(r.head+r.body, id) {
				t.Errorf("the limit names the account: %s", r.head)
			}
		}
	}
	for id, got := range answers {
		for i, answer := range got {
			if answer != answers["nobody"][i] {
				t.Errorf("%s, attempt %d:\n%s\nfor an unknown account:\n%s", id, i+1, answer, answers["nobody"][i])
			}
		}
		if !strings.HasPrefix(got[2], "HTTP/1.1 401") || !strings.HasPrefix(got[3], "HTTP/1.1 429") {
			t.Errorf("%s: attempts 3 and 4 begin %.20q and %.20q", id, got[2], got[3])
		}
	}
}

func enumerationEnormous(t *testing.T, k *kit) {
	w, door := k.guarded(t)
	for n, want := range map[int]int{1 << 20: 413, 11 << 10: 413, 1001: 400} {
		for _, id := range []string{"user", "nobody"} {
			w.browser().post("/api/auth/login", attempt(id, strings.Repeat("x", n))).expect(want)
			w.browser().post("/api/auth/login", attempt(strings.Repeat("x", n), "x")).expect(want)
		}
	}
	if n := door.asked.Load(); n != 0 {
		t.Errorf("verified %d times", n)
	}
}

func enumerationTokens(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		ask := func(token string) string {
			return w.sends(w.written("GET", "/api/auth/session", "", w.by(token))).stable()
		}
		validate := func(token string) string {
			return w.sends(w.written("POST", "/api/auth/validate", `{"token":"`+token+`"}`, sameOrigin, asJSON)).stable()
		}
		ended, revoked, stale := w.loggedIn("user"), w.loggedIn("other"), w.loggedIn("mod")
		endedToken := ended.token()
		ended.post("/api/auth/logout", "").expect(200)
		if err := w.guard.RevokeUser(nguard.WithActor(context.Background(), "test"), "other"); err != nil {
			t.Fatal(err)
		}
		tokens := map[string]string{"unknown": issuedElsewhere(t, w, "user"), "logged out": endedToken, "revoked": revoked.token()}
		w.clock.Advance(48 * time.Hour)
		tokens["expired"] = stale.token()
		for what, token := range tokens {
			if got, want := ask(token), ask(issuedLocally(t, w)); got != want {
				t.Errorf("%s:\n%s\nwant\n%s", what, got, want)
			}
		}
		for what, token := range tokens {
			for _, made := range []string{issuedLocally(t, w), "junk", ""} {
				if got, want := validate(token), validate(made); got != want {
					t.Errorf("validate, %s:\n%s\nwant\n%s", what, got, want)
				}
			}
		}
		w.await("why", func(e nguard.Event) bool { return e.Reason == "unknown or ended session" }) // outside nobody learns it

		me, them := w.loggedIn("user"), w.loggedIn("other")
		end := func(handle string) reply {
			return w.sends(w.written("DELETE", "/api/auth/sessions/"+handle, "", sameOrigin, w.by(me.token())))
		}
		foreign, unknown := end(w.handle("other")).expect(404), end("0123456789012345678901").expect(404)
		if foreign.stable() != unknown.stable() {
			t.Errorf("foreign handle:\n%s\nunknown handle:\n%s", foreign.stable(), unknown.stable())
		}
		them.get("/who").expect(200)
		w.await("the foreign handle", func(e nguard.Event) bool { return e.Name == nguard.EventForeignHandle && e.Actor == "user" })

		// Who may not change roles learns nothing about who exists.
		role := func(id string) string {
			return w.sends(w.written("POST", "/api/auth/update-role", `{"userId":"`+id+`","newRole":"user"}`, sameOrigin, asJSON, w.by(me.token()))).expect(403).stable()
		}
		if role("other") != role("nobody") || role("admin") != role("nobody") {
			t.Error("update-role tells who exists")
		}
		list := func(id string) string {
			return w.sends(w.written("GET", "/api/auth/users/"+id+"/sessions", "", w.by(me.token()))).expect(403).stable()
		}
		if list("other") != list("nobody") {
			t.Error("the list of sessions tells who exists")
		}
	})
}
