package fiberguard_test

import (
	"context"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/nguard-go/nguard/adapters/fiberguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/stores/memstore"
)

// watcher sees each context that the program's own parts are called with.
type watcher struct {
	mu   sync.Mutex
	seen map[string][]context.Context
}

func (w *watcher) see(where string, ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[where] = append(w.seen[where], ctx)
}

// each calls fn with all contexts so far.
func (w *watcher) each(fn func(where string, ctx context.Context)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for where, list := range w.seen {
		for _, ctx := range list {
			fn(where, ctx)
		}
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
	w *watcher
}

func (s watchedStore) Unwrap() any { return s.Store }

func (s watchedStore) Create(ctx context.Context, r *nguard.Record, limit nguard.Cap) (nguard.Created, error) {
	s.w.see("Store.Create", ctx)
	return s.Store.Create(ctx, r, limit)
}

func (s watchedStore) Load(ctx context.Context, token string) (nguard.Found, error) {
	s.w.see("Store.Load", ctx)
	return s.Store.Load(ctx, token)
}

func (s watchedStore) Replace(ctx context.Context, f nguard.Found, next *nguard.Record, rotate bool) (nguard.Found, error) {
	s.w.see("Store.Replace", ctx)
	return s.Store.Replace(ctx, f, next, rotate)
}

func (s watchedStore) Delete(ctx context.Context, owner, id string) error {
	s.w.see("Store.Delete", ctx)
	return s.Store.Delete(ctx, owner, id)
}

type watchedUsers struct {
	*guardtest.Users
	w *watcher
}

func (u watchedUsers) User(ctx context.Context, id string) (nguard.User, error) {
	u.w.see("Users.User", ctx)
	return u.Users.User(ctx, id)
}

func (u watchedUsers) Authenticate(ctx context.Context, c nguard.Credentials) (nguard.User, error) {
	u.w.see("Users.Authenticate", ctx)
	return u.Users.Authenticate(ctx, c)
}

type watchedLimiter struct{ w *watcher }

func (l watchedLimiter) Take(ctx context.Context, _ nguard.Caller, _ int) (nguard.Quota, error) {
	l.w.see("Limiter.Take", ctx)
	return nguard.Quota{Allowed: true}, nil
}

// watched is a guard whose parts all note the context that they get.
func watched(t *testing.T, w *watcher) *nguard.Guard {
	return newGuard(t, func(c *nguard.Config) {
		c.Store = watchedStore{memstore.New(), w}
		c.Users = watchedUsers{guardtest.NewUsers(nguard.User{ID: "bob", Role: "user"}), w}
		c.Limits = nguard.Limits{Login: watchedLimiter{w}, Update: watchedLimiter{w}, Read: watchedLimiter{w}}
		c.Audit = nguard.SinkFunc(func(ctx context.Context, e nguard.Event) error {
			w.see("Sink.Record", ctx)
			return nil
		})
		c.Observe = func(ctx context.Context, op string) (context.Context, func(error)) {
			w.see("Observe", ctx)
			return ctx, func(error) {}
		}
		c.Hooks = nguard.Hooks{
			AfterAuthenticate: func(ctx context.Context, _ nguard.User) error { w.see("AfterAuthenticate", ctx); return nil },
			Validate:          func(ctx context.Context, _ *nguard.Session) error { w.see("Validate", ctx); return nil },
			BeforeUpdate:      func(ctx context.Context, _ nguard.Update) error { w.see("BeforeUpdate", ctx); return nil },
			AfterUpdate:       func(ctx context.Context, _ nguard.Update) { w.see("AfterUpdate", ctx) },
			OnLogout:          func(ctx context.Context, _ *nguard.Session) { w.see("OnLogout", ctx) },
			OnLoad: func(ctx context.Context, _ *nguard.Session) (map[string]any, error) {
				w.see("OnLoad", ctx)
				return nil, nil
			},
		}
	})
}

type numberKey struct{}

// TestContext_IsNeverFibers: a fasthttp.RequestCtx is a context.Context by its methods, and belongs to
// another request as soon as the handler has returned. Nothing that nguard calls gets one, or a context that
// rests on one, and what was kept still tells of its own request while the next one runs.
func TestContext_IsNeverFibers(t *testing.T) {
	w := &watcher{seen: map[string][]context.Context{}}
	g := watched(t, w)
	number, ids := 0, map[int]string{}
	app := newApp()
	app.Use(func(c *fiber.Ctx) error {
		number++ // one client, one request at a time
		c.Locals("local", "of fiber")
		c.SetUserContext(context.WithValue(c.UserContext(), numberKey{}, number))
		return c.Next()
	}, fiberguard.Sessions(g), func(c *fiber.Ctx) error {
		ids[number] = fiberguard.From(c).ID()
		return c.Next()
	}, fiberguard.Endpoints(g), fiberguard.Limit(g, watchedLimiter{w}))
	app.All("/", fiberguard.Require(g, nguard.PolicyFunc(func(ctx context.Context, _ nguard.Access) nguard.Decision {
		w.see("Policy.Decide", ctx)
		return nguard.Decision{Effect: nguard.Allow}
	})), func(c *fiber.Ctx) error {
		w.each(func(where string, ctx context.Context) { // of earlier requests, while this one runs
			n, _ := ctx.Value(numberKey{}).(int)
			if r, ok := nguard.FromContext(ctx); ok && r.ID() != ids[n] {
				t.Errorf("%s: the context of request %d leads to the Request %q, which was %q", where, n, r.ID(), ids[n])
			}
		})
		return visit(c)
	})
	app.Post("/again", func(c *fiber.Ctx) error {
		_, err := fiberguard.From(c).Login(c.UserContext(), "bob", nguard.LoginOptions{})
		return err
	})
	c := serve(t, app)
	c.do("POST", "/api/auth/login", `{"id":"bob",`+password).expect(200)
	c.do("POST", "/again", "").expect(200)
	for range 3 {
		c.do("POST", "/", "").expect(200)
	}
	c.do("POST", "/api/auth/update", `{"theme":"dark"}`).expect(200)
	c.do("POST", "/api/auth/logout", "").expect(200)
	c.do("POST", "/", "", "Sec-Fetch-Site: cross-site").expect(403)
	if err := g.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	var places []string
	w.each(func(where string, ctx context.Context) {
		places = append(places, where)
		if ctx.Value("local") != nil {
			t.Errorf("%s: the context knows fiber's locals", where)
		}
		for _, name := range chain(reflect.ValueOf(&ctx)) {
			if strings.Contains(name, "fasthttp") || strings.Contains(name, "fiber") {
				t.Errorf("%s: the context rests on a %s", where, name)
			}
		}
	})
	for _, where := range []string{"Store.Create", "Store.Load", "Store.Replace", "Store.Delete", "Users.User", "Users.Authenticate", "Limiter.Take", "Sink.Record", "Observe",
		"Policy.Decide", "AfterAuthenticate", "Validate", "OnLoad", "BeforeUpdate", "AfterUpdate", "OnLogout"} {
		if !slices.Contains(places, where) {
			t.Errorf("%s was not called", where)
		}
	}
}

// hangingStore hangs until its context ends.
type hangingStore struct {
	nguard.Store
	hangs  atomic.Bool
	within time.Duration
	t      testing.TB
}

func (s *hangingStore) Unwrap() any { return s.Store }

func (s *hangingStore) wait(ctx context.Context) error {
	if !s.hangs.Load() {
		return nil
	}
	if end, ok := ctx.Deadline(); !ok || time.Until(end) > s.within {
		s.t.Errorf("deadline %v, %v", end, ok)
	}
	<-ctx.Done()
	return ctx.Err()
}

func (s *hangingStore) Load(ctx context.Context, token string) (nguard.Found, error) {
	if err := s.wait(ctx); err != nil {
		return nguard.Found{}, err
	}
	return s.Store.Load(ctx, token)
}

// TestStore_Hangs: fiber's context is never cancelled, so that a store which hangs would hold the request, and
// its goroutine, for ever. Each call has a deadline: 503 within Config.Timeout, and nobody is signed out.
func TestStore_Hangs(t *testing.T) {
	store := &hangingStore{Store: memstore.New(), within: 30 * time.Millisecond, t: t}
	g := newGuard(t, func(c *nguard.Config) { c.Store, c.Timeout = store, store.within })
	app := newApp()
	app.Use(fiberguard.Sessions(g), fiberguard.Endpoints(g))
	app.Get("/", who)
	app.Get("/free", func(c *fiber.Ctx) error { return c.SendString("free") })
	c := serve(t, app).signIn(g, "bob")
	c.get("/").expect(200).says("bob")
	store.hangs.Store(true)
	before := runtime.NumGoroutine()
	for range 20 {
		for _, path := range []string{"/", "/api/auth/session"} {
			a := c.get(path).refused(503, "unavailable")
			if a.header.Get("Retry-After") == "" || len(a.names()) > 0 {
				t.Errorf("Retry-After %q, cookies %q", a.header.Get("Retry-After"), a.names())
			}
		}
		c.get("/free").expect(200).says("free")
	}
	if after := runtime.NumGoroutine(); after > before+5 {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
	store.hangs.Store(false)
	c.get("/").expect(200).says("bob")
}
