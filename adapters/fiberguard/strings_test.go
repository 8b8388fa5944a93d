package fiberguard_test

import (
	"context"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/nguard-go/nguard/adapters/fiberguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
	"github.com/nguard-go/nguard/stores/memstore"
)

// keeper keeps strings as the program got them, beside copies made at that moment.
type keeper struct {
	mu   sync.Mutex
	kept []kept
}

type kept struct{ what, text, then string }

func (k *keeper) text(what, text string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kept = append(k.kept, kept{what, text, strings.Clone(text)})
}

// all keeps every string that v is made of.
func (k *keeper) all(what string, v any) { k.value(what, reflect.ValueOf(v)) }

func (k *keeper) value(what string, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		k.text(what, v.String())
	case reflect.Struct:
		for i := range v.NumField() {
			k.value(what+"."+v.Type().Field(i).Name, v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			k.value(what, v.Index(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			k.value(what+" key", key)
			k.value(what, v.MapIndex(key))
		}
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			k.value(what, v.Elem())
		}
	}
}

// changed are the strings that are not what they were.
func (k *keeper) changed() (list []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range k.kept {
		if s.text != s.then {
			list = append(list, fmt.Sprintf("%s: was %q, is %q", s.what, s.then, s.text))
		}
	}
	return list
}

// has reports whether something that holds this text was kept.
func (k *keeper) has(text string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range k.kept {
		if strings.Contains(s.then, text) {
			return true
		}
	}
	return false
}

// keepingStore keeps what reaches a store.
type keepingStore struct {
	nguard.Store
	k *keeper
}

func (s keepingStore) Unwrap() any { return s.Store }

func (s keepingStore) Create(ctx context.Context, r *nguard.Record, limit nguard.Cap) (nguard.Created, error) {
	s.k.all("Store.Create", r)
	return s.Store.Create(ctx, r, limit)
}

func (s keepingStore) Load(ctx context.Context, token string) (nguard.Found, error) {
	s.k.text("Store.Load", token)
	return s.Store.Load(ctx, token)
}

func (s keepingStore) Replace(ctx context.Context, f nguard.Found, next *nguard.Record, rotate bool) (nguard.Found, error) {
	s.k.all("Store.Replace", next)
	return s.Store.Replace(ctx, f, next, rotate)
}

// keepingUsers keeps what reaches the users table.
type keepingUsers struct {
	*guardtest.Users
	k *keeper
}

func (u keepingUsers) User(ctx context.Context, id string) (nguard.User, error) {
	u.k.text("Users.User", id)
	return u.Users.User(ctx, id)
}

func (u keepingUsers) Identify(ctx context.Context, c nguard.Credentials) (string, error) {
	u.k.text("credentials", c.Get("id"))
	return u.Users.Identify(ctx, c)
}

func (u keepingUsers) UpdateUser(ctx context.Context, before, after nguard.User) error {
	u.k.all("Users.UpdateUser", after)
	return u.Users.UpdateUser(ctx, before, after)
}

// keepingLimiter keeps who asks.
type keepingLimiter struct{ k *keeper }

func (l keepingLimiter) Take(_ context.Context, c nguard.Caller, _ int) (nguard.Quota, error) {
	l.k.all("Caller", struct{ User, Account, IP string }{c.User, c.Account, c.IP.String()})
	return nguard.Quota{Allowed: true}, nil
}

// TestStrings_AreCopied: fiber's strings point into buffers that the next request on the connection
// overwrites. A map keyed by one was seen to hold another person's token. So whatever a program can get from
// nguard and keep stays what it was when others have used the connection.
func TestStrings_AreCopied(t *testing.T) {
	k, unsafe := &keeper{}, &keeper{}
	sink := make(browsertest.Events, 10000)
	note := &nguard.Field[string]{Name: "note", Write: policy.Self} // of the session itself, as theme is not
	keepSession := func(what string, s *nguard.Session) {
		k.all(what, struct {
			ID, User, Device, IP string
			Data                 any
		}{s.ID(), s.UserID(), s.Device(), s.IP(), s.User()})
		k.text(what+" theme", browsertest.Theme.Get(s))
		k.text(what+" note", note.Get(s))
	}
	g := browsertest.NewGuard(t, sink.Option, func(c *nguard.Config) {
		c.Fields = append(c.Fields, note, &nguard.Field[string]{Name: "user.name", Write: policy.Self, Scope: nguard.InUser})
		c.Store = keepingStore{memstore.New(), k}
		c.Users = keepingUsers{guardtest.NewUsers(nguard.User{ID: "ann", Role: "admin"}, nguard.User{ID: "bob", Role: "admin"}), k}
		c.Limits = nguard.Limits{Login: keepingLimiter{k}, Update: keepingLimiter{k}, Read: keepingLimiter{k}}
		c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
		c.Hooks = nguard.Hooks{
			AfterAuthenticate: func(_ context.Context, u nguard.User) error { k.all("AfterAuthenticate", u); return nil },
			Validate:          func(_ context.Context, s *nguard.Session) error { keepSession("Validate", s); return nil },
			BeforeUpdate:      func(_ context.Context, u nguard.Update) error { k.all("BeforeUpdate", u); return nil },
			AfterUpdate:       func(_ context.Context, u nguard.Update) { k.all("AfterUpdate", u) },
			OnLogout:          func(_ context.Context, s *nguard.Session) { keepSession("OnLogout", s) },
			OnLoad: func(ctx context.Context, s *nguard.Session) (map[string]any, error) {
				r, ok := nguard.FromContext(ctx)
				if !ok {
					t.Error("OnLoad outside of a request")
					return nil, nil
				}
				k.text("request ID", r.ID())
				k.text("IP", r.IP().String())
				return nil, nil
			},
		}
	})
	app := newApp()
	app.Use(fiberguard.Sessions(g), fiberguard.Endpoints(g))
	app.All("/page/:name", fiberguard.Require(g, nguard.PolicyFunc(func(_ context.Context, a nguard.Access) nguard.Decision {
		k.all("subject", struct{ User, Session, Agent, IP, Role string }{a.Subject.UserID, a.Subject.Session, a.Subject.UserAgent, a.Subject.IP.String(), a.Subject.Role})
		k.text("action", a.Action)
		return nguard.Decision{Effect: nguard.Allow}
	})), func(c *fiber.Ctx) error {
		unsafe.text("fiber's own user agent", c.Get("User-Agent"))
		unsafe.text("fiber's own parameter", c.Params("name"))
		r := fiberguard.From(c)
		if s, err := r.Session(); err == nil {
			keepSession("session", s)
		}
		if err := r.Record(c.UserContext(), nguard.Event{Name: "page"}); err != nil {
			t.Errorf("record: %v", err)
		}
		return visit(c)
	})
	c := serve(t, app)
	w := c.Dial()
	// person does the same things with other values of the same length.
	person := func(id, other, x string) {
		lines := func(more ...string) []string {
			return append([]string{"Sec-Fetch-Site: same-origin", "User-Agent: agent-" + x, "X-Request-Id: request-" + x, "X-Forwarded-For: 192.0.2." + x}, more...)
		}
		login := w.Do("POST", "/api/auth/login", browsertest.Credentials(id), lines()...).Expect(200)
		cookie, _, _ := strings.Cut(login.Header.Get("Set-Cookie"), ";")
		me := lines("Cookie: " + cookie)
		k.text("token", strings.TrimPrefix(cookie, g.CookieName()+"="))
		w.Do("GET", "/page/"+x, "", me...).Expect(200)
		w.Do("POST", "/api/auth/update", `{"theme":"`+x+`","note":"note-`+x+`"}`, me...).Expect(200)
		w.Do("POST", "/api/auth/profile", `{"name":"name-`+x+`"}`, me...).Expect(200)
		w.Do("POST", "/api/auth/update-role", `{"userId":"`+other+`","newRole":"admin"}`, me...).Expect(200)
		w.Do("DELETE", "/api/auth/users/"+other+"/sessions", "", me...).Expect(200)
		w.Do("GET", "/api/auth/"+x, "", me...).Refused(404, "not_found")
		w.Do("GET", "/api/auth/session", "", lines("Cookie: "+g.CookieName()+"=made-up-"+x)...).Refused(401, "no_session")
		w.Do("POST", "/page/"+x, "", append([]string{"Host: " + w.Host, "Sec-Fetch-Site: cross-site", "Content-Length: 0"}, me[1:]...)...).Refused(403, "cross_origin")
		w.Do("POST", "/api/auth/logout", "", append(me, "Content-Length: 0")...).Expect(200)
	}
	person("ann", "bob", "100")
	if err := g.Shutdown(t.Context()); err != nil { // the backlog hands out what it holds
		t.Fatal(err)
	}
	for len(sink) > 0 {
		e := <-sink
		k.all("event "+e.Name, e)
	}
	for _, text := range []string{"192.0.2.100", "agent-100", "request-100", "name-100", "note-100", "/page/100", "GET /api/auth/100"} {
		if !k.has(text) {
			t.Errorf("the test has not kept %q", text)
		}
	}
	for x := 101; x < 104; x++ {
		w.Do("GET", fmt.Sprintf("/page/%d", x), "", fmt.Sprintf("User-Agent: agent-%d", x), fmt.Sprintf("X-Request-Id: request-%d", x), fmt.Sprintf("X-Forwarded-For: 192.0.2.%d", x),
			"Cookie: "+g.CookieName()+"="+strings.Repeat("x", 72))
	}
	for _, s := range k.changed() {
		t.Error(s)
	}
	if len(unsafe.changed()) == 0 {
		t.Error("fiber has not used a buffer again: this test proves nothing any more")
	}
}
