package adaptertest

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

// backing is a Backing in the hands of a case, which may put something of its own in front of a part.
type backing struct {
	k      *kit
	name   string
	store  nguard.Store
	users  nguard.Users
	put    func(nguard.User)
	remove func(id string)
	sink   nguard.Sink
	read   func() []nguard.Event
	db     *sql.DB
	again  func(t testing.TB) Backing
	dump   func(t testing.TB, owners ...string) [][]byte
	sealed func(t testing.TB, value string) string
}

// open is a backing with nothing in it but people.
func (k *kit) open(t testing.TB) backing {
	t.Helper()
	return k.hold(k.h.Open(t))
}

func (k *kit) hold(b Backing) backing {
	return backing{k, b.Name, b.Store, b.Users, b.Put, b.Remove, b.Sink, b.Read, b.DB, b.Again, b.Dump, b.Sealed}
}

// world is one running service and its clock.
type world struct {
	t      testing.TB
	guard  *nguard.Guard
	config nguard.Config
	back   backing
	server *Server
	clock  *clock
}

// newWorld starts a service on b. Options change its Config before.
func newWorld(t testing.TB, b backing, options ...func(*nguard.Config)) *world {
	t.Helper()
	w := &world{t: t, back: b, clock: &clock{}}
	w.config = nguard.Config{
		Store: b.store, Waive: waived(b.store), Users: b.users, Roles: model(t), Fields: fields(), Audit: b.sink, Now: w.clock.Now,
		Limits: nguard.Limits{Login: nguard.Unlimited, Update: nguard.Unlimited},
	}
	for _, option := range options {
		option(&w.config)
	}
	w.guard = newGuard(t, w.config)
	w.server = w.serve(w.app())
	return w
}

// newWorld starts a service on a backing of its own.
func (k *kit) newWorld(t testing.TB, options ...func(*nguard.Config)) *world {
	t.Helper()
	return newWorld(t, k.open(t), options...)
}

// each runs fn on a new world: each harness brings one backing.
func (k *kit) each(t *testing.T, fn func(t *testing.T, w *world), options ...func(*nguard.Config)) {
	t.Helper()
	fn(t, k.newWorld(t, options...))
}

// eachFrozen is each with a clock that stands still.
func (k *kit) eachFrozen(t *testing.T, fn func(t *testing.T, w *world, c *frozen), options ...func(*nguard.Config)) {
	t.Helper()
	c := &frozen{t: time.Now().UTC()}
	fn(t, k.newWorld(t, append(slices.Clone(options), func(cfg *nguard.Config) { cfg.Now = c.Now })...), c)
}

func newGuard(t testing.TB, c nguard.Config) *nguard.Guard {
	t.Helper()
	g, err := nguard.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = g.Shutdown(ctx) // stores of fault tests may be down for good
	})
	return g
}

// serve starts an application on a server of its own, until the test ends.
func (w *world) serve(app App) *Server {
	w.t.Helper()
	return w.back.k.serve(w.t, app)
}

func (k *kit) serve(t testing.TB, app App) *Server {
	t.Helper()
	server := k.h.Serve(t, app)
	t.Cleanup(server.Close)
	return server
}

// roomy is the world's own application on a server that takes heads of requests up to n bytes at least.
func (w *world) roomy(n int) {
	w.t.Helper()
	app := w.app()
	app.MaxHeader = n
	w.server = w.serve(app)
}

// pages serves routes of one case on the world's guard and returns a browser's way to them.
func (w *world) pages(routes ...Route) (base string) {
	w.t.Helper()
	return w.serve(App{Guard: w.guard, Routes: routes}).URL
}

// app is the application: endpoints, a counter, a page for admins, an update by the program.
func (w *world) app() App { return appOf(w.guard) }

func appOf(g *nguard.Guard) App {
	return App{Guard: g, Routes: []Route{
		{Method: "POST", Path: "/api/visits", Handle: func(c Ctx) {
			s, err := c.From().Update(c.Context(), func(d *nguard.Draft) error {
				return visits.Modify(d, func(n int) int { return n + 1 })
			})
			if err != nil {
				c.Fail(err)
				return
			}
			c.Respond(200, strconv.Itoa(visits.Get(s)))
		}},
		{Method: "GET", Path: "/who", Handle: func(c Ctx) {
			s, err := c.From().Session()
			if err != nil {
				c.Fail(err)
				return
			}
			c.Respond(200, s.UserID())
		}},
		{Method: "POST", Path: "/step-up", Handle: func(c Ctx) {
			if _, err := c.From().Reauthenticated(c.Context(), nguard.LoginOptions{Methods: []string{"totp"}, Level: 2}); err != nil {
				c.Fail(err)
			}
		}},
		{Path: "/public", Handle: func(c Ctx) { c.Respond(200, "hello") }},
		{Path: "/admin", Require: []nguard.Policy{roleAdmin}, Handle: func(c Ctx) { c.Respond(200, "for admins") }},
		{Path: "/fresh", Require: []nguard.Policy{policy.All(policy.SignedIn, policy.Fresh(5*time.Minute))}, Handle: func(c Ctx) { c.Respond(200, "fresh") }},
	}}
}
