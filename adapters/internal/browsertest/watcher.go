package browsertest

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/stores/memstore"
)

// Watcher sees each context that the program's own parts are called with.
type Watcher struct {
	mu   sync.Mutex
	seen []sight
	ids  []string // of the requests, by their number
}

type sight struct {
	where string
	ctx   context.Context
}

// See notes a context.
func (w *Watcher) See(where string, ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, sight{where, ctx})
}

func (w *Watcher) all() []sight {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.seen)
}

type numberKey struct{}

// Begin is for middleware in front of nguard's: a context that knows which request it belongs to. There is one
// client, and one request at a time.
func (w *Watcher) Begin(ctx context.Context) context.Context {
	return context.WithValue(ctx, numberKey{}, len(w.ids))
}

// Began is for middleware behind it.
func (w *Watcher) Began(r *nguard.Request) { w.ids = append(w.ids, r.ID()) }

// LookBack is for a handler: the contexts of earlier requests tell of those, while another one runs.
func (w *Watcher) LookBack(t testing.TB) {
	for _, s := range w.all() {
		r, ok := nguard.FromContext(s.ctx)
		if n, numbered := s.ctx.Value(numberKey{}).(int); ok && (!numbered || r.ID() != w.ids[n]) {
			t.Errorf("%s: the context of request %d leads to the Request %q, of %q", s.where, n, r.ID(), w.ids)
		}
	}
}

// Judge goes through an application on w.Guard in which "POST /" visits and LookBack, and "POST /again" logs bob in.
// No context may rest on a type of one of the packages, or know a value of these keys.
func (w *Watcher) Judge(t testing.TB, g *nguard.Guard, c *Client, packages []string, keys ...any) {
	t.Helper()
	c.Do("POST", "/api/auth/login", Credentials("bob")).Expect(200)
	c.Do("POST", "/again", "").Expect(200)
	for range 3 {
		c.Do("POST", "/", "").Expect(200)
	}
	c.Do("POST", "/api/auth/update", `{"theme":"dark"}`).Expect(200)
	c.Do("POST", "/api/auth/logout", "").Expect(200)
	c.Do("POST", "/", "", "Sec-Fetch-Site: cross-site").Expect(403)
	if err := g.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	missing := []string{"Store.Create", "Store.Load", "Store.Replace", "Store.Delete", "Users.User", "Users.Authenticate", "Limiter.Take", "Sink.Record", "Observe",
		"Policy.Decide", "AfterAuthenticate", "Validate", "OnLoad", "BeforeUpdate", "AfterUpdate", "OnLogout"}
	for _, s := range w.all() {
		missing = slices.DeleteFunc(missing, func(where string) bool { return where == s.where })
		for _, key := range keys {
			if s.ctx.Value(key) != nil {
				t.Errorf("%s: the context knows the framework's %v", s.where, key)
			}
		}
		for _, name := range chain(reflect.ValueOf(&s.ctx)) {
			for _, p := range packages {
				if strings.Contains(name, p) {
					t.Errorf("%s: the context rests on a %s", s.where, name)
				}
			}
		}
	}
	if len(missing) > 0 {
		t.Errorf("not called: %q", missing)
	}
}

// chain names the types that a context consists of, down to the first.
func chain(v reflect.Value) (types []string) {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if !v.IsNil() {
			types = append(types, v.Elem().Type().String())
			types = append(types, chain(v.Elem())...)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.Type == reflect.TypeFor[context.Context]() || f.Anonymous && f.Type.Kind() != reflect.Interface {
				types = append(types, f.Type.String())
				types = append(types, chain(v.Field(i))...)
			}
		}
	}
	return types
}

type watchedStore struct {
	nguard.Store
	w *Watcher
}

func (s watchedStore) Unwrap() any { return s.Store }

func (s watchedStore) Create(ctx context.Context, r *nguard.Record, limit nguard.Cap) (nguard.Created, error) {
	s.w.See("Store.Create", ctx)
	return s.Store.Create(ctx, r, limit)
}

func (s watchedStore) Load(ctx context.Context, token string) (nguard.Found, error) {
	s.w.See("Store.Load", ctx)
	return s.Store.Load(ctx, token)
}

func (s watchedStore) Replace(ctx context.Context, f nguard.Found, next *nguard.Record, rotate bool) (nguard.Found, error) {
	s.w.See("Store.Replace", ctx)
	return s.Store.Replace(ctx, f, next, rotate)
}

func (s watchedStore) Delete(ctx context.Context, owner, id string) error {
	s.w.See("Store.Delete", ctx)
	return s.Store.Delete(ctx, owner, id)
}

type watchedUsers struct {
	*guardtest.Users
	w *Watcher
}

func (u watchedUsers) User(ctx context.Context, id string) (nguard.User, error) {
	u.w.See("Users.User", ctx)
	return u.Users.User(ctx, id)
}

func (u watchedUsers) Authenticate(ctx context.Context, c nguard.Credentials) (nguard.User, error) {
	u.w.See("Users.Authenticate", ctx)
	return u.Users.Authenticate(ctx, c)
}

type watchedLimiter struct{ w *Watcher }

func (l watchedLimiter) Take(ctx context.Context, _ nguard.Caller, _ int) (nguard.Quota, error) {
	l.w.See("Limiter.Take", ctx)
	return nguard.Quota{Allowed: true}, nil
}

// Limiter is one that notes the context that it gets, and lets everybody through.
func (w *Watcher) Limiter() nguard.Limiter { return watchedLimiter{w} }

// Policy is one that notes the context that it gets, and allows.
func (w *Watcher) Policy() nguard.Policy {
	return nguard.PolicyFunc(func(ctx context.Context, _ nguard.Access) nguard.Decision {
		w.See("Policy.Decide", ctx)
		return nguard.Decision{Effect: nguard.Allow}
	})
}

// Guard is one whose parts all note the context that they get.
func (w *Watcher) Guard(t testing.TB) *nguard.Guard {
	return NewGuard(t, func(c *nguard.Config) {
		c.Store = watchedStore{memstore.New(), w}
		c.Users = watchedUsers{guardtest.NewUsers(nguard.User{ID: "bob", Role: "user"}), w}
		c.Limits = nguard.Limits{Login: w.Limiter(), Update: w.Limiter(), Read: w.Limiter()}
		c.Audit = nguard.SinkFunc(func(ctx context.Context, e nguard.Event) error {
			w.See("Sink.Record", ctx)
			return nil
		})
		c.Observe = func(ctx context.Context, op string) (context.Context, func(error)) {
			w.See("Observe", ctx)
			return ctx, func(error) {}
		}
		c.Hooks = nguard.Hooks{
			AfterAuthenticate: func(ctx context.Context, _ nguard.User) error { w.See("AfterAuthenticate", ctx); return nil },
			Validate:          func(ctx context.Context, _ *nguard.Session) error { w.See("Validate", ctx); return nil },
			BeforeUpdate:      func(ctx context.Context, _ nguard.Update) error { w.See("BeforeUpdate", ctx); return nil },
			AfterUpdate:       func(ctx context.Context, _ nguard.Update) { w.See("AfterUpdate", ctx) },
			OnLogout:          func(ctx context.Context, _ *nguard.Session) { w.See("OnLogout", ctx) },
			OnLoad: func(ctx context.Context, _ *nguard.Session) (map[string]any, error) {
				w.See("OnLoad", ctx)
				return nil, nil
			},
		}
	})
}
