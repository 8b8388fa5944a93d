// Command benchmarks compares nguard with its peers, doing the same work in one run, and prints ratios of
// CPU time with the budget of each.
//
//	cd examples/benchmarks && go run .
//
// It is a module of its own, so that the peers stay out of nguard's go.mod. The same cases run as
// ordinary benchmarks with go test -bench=. in this folder.
package main

import (
	"context"
	"encoding/gob"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	scsmem "github.com/alexedwards/scs/v2/memstore"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/stores/memstore"
)

// side is one side of a comparison.
type side func(b *testing.B)

// comparison is nguard and a peer doing the same work.
type comparison struct {
	name         string
	ours, theirs side
	peer         string
	budget       float64 // ours/theirs
	wall         bool    // in time on the clock; else in CPU time, that of the collector included
	heavy        bool    // takes long to set up
}

func comparisons() []comparison {
	return []comparison{
		{"memory: read a session", guardRead(memoryStore), scsRead(func(testing.TB) scs.Store { return scsmem.NewWithCleanupInterval(0) }, 0), "scs LoadAndSave, memstore", 0.05, false, false},
		{"gin: read a session", ginRead, ginPeer, "gin-contrib/sessions, memstore", 0.05, false, false},
		{"fiber: read a session", fiberRead, fiberPeer, "fiber v2 session, memory", 0.05, false, false},
		{"SQLite: load", storeLoad(sqliteStore), sqliteSelect, "one bare prepared SELECT of the row", 1.3, false, false},
		{"SQLite: read with idle limit", guardRead(sqliteStore), scsRead(scsSQLite, time.Hour), "scs LoadAndSave with IdleTimeout, SQLite", 0.25, false, false},
		{"memory: 1M sessions, read", loadOf(1_000_000), loadOf(1_000), "a memory store with 1000 sessions", 2, true, true},
		{"cookie: read", cookieLoad(nothing), gorillaGet, "gorilla/sessions CookieStore.Get, encrypted", 0.12, false, false},
		{"cookie: write", cookieReplace(nothing), gorillaSave, "gorilla/sessions Session.Save, encrypted", 0.15, false, false},
		{"cookie and row: read", cookieLoad(memoryStore), gorillaGet, "gorilla/sessions CookieStore.Get, encrypted", 0.12, false, false},
		{"cookie and row: write", cookieReplace(memoryStore), gorillaSave, "gorilla/sessions Session.Save, encrypted", 0.15, false, false},
		{"limiter: take, one key", take(1), ululeTake(1), "ulule memory store", 0.6, false, false},
		{"limiter: take, a million keys", take(1_000_000), ululeTake(1_000_000), "ulule memory store", 0.6, false, true},
	}
}

// overhead is what an adapter costs: a signed-in request that reads, against the same handler without nguard.
type overhead struct {
	name       string
	with, bare side
}

func overheads() []overhead {
	return []overhead{
		{"net/http: Sessions", guardRead(memoryStore), bareHandler},
		{"gin: Sessions", ginRead, ginBare},
		{"fiber: Sessions", fiberRead, fiberBare},
	}
}

// alone are measured without a peer.
func alone() map[string]side {
	return map[string]side{
		"cookie: request that reads":   cookieRead,
		"cookie: request that updates": cookieUpdate,
		"memory: update":               guardUpdate(memoryStore),
		"SQLite: update":               guardUpdate(sqliteStore),
		"policy: role":                 decide(admin),
		"policy: permission":           decide(editPosts),
	}
}

// measured runs fn b.N times and reports its CPU time, that of the garbage it makes included.
func measured(b *testing.B, fn func(i int)) {
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu()
	for i := 0; i < b.N; i++ {
		fn(i)
	}
	b.StopTimer()
	b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op")
}

// cpu is the time that this process has had on processors.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// writer is a ResponseWriter that costs nothing, so that middleware is what is measured.
type writer struct{ h http.Header }

func (w *writer) Header() http.Header         { return w.h }
func (w *writer) Write(b []byte) (int, error) { return len(b), nil }
func (w *writer) WriteHeader(int)             {}

// serve sends r again and again. Each time it is a request of its own: some libraries keep the session that
// they have decoded in the request's context, and would decode it once for all.
func serve(b *testing.B, h http.Handler, r *http.Request) {
	w := &writer{http.Header{}}
	measured(b, func(int) {
		clear(w.h)
		fresh := *r
		h.ServeHTTP(w, &fresh)
	})
}

func request(cookie string) *http.Request {
	r, err := http.NewRequest("GET", "http://localhost/", nil)
	if err != nil {
		panic(err)
	}
	r.RemoteAddr = "192.0.2.1:1234"
	r.Header.Set("User-Agent", "Mozilla/5.0")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	return r
}

func bareHandler(b *testing.B) {
	serve(b, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(nil) }), request(""))
}

// The session of the story: who somebody is, what they may do, and what they like.
var (
	theme  = &nguard.Field[string]{Name: "theme", Scope: nguard.InUser}
	others = []nguard.AnyField{
		&nguard.Field[string]{Name: "language", Scope: nguard.InUser}, &nguard.Field[bool]{Name: "notifications", Scope: nguard.InUser},
	}
	visits = &nguard.Field[int]{Name: "visits"}
	uma    = nguard.User{ID: "user-1", Name: "Uma User", Email: "user@example.com", Role: "user", Permissions: []string{"posts:edit"},
		Data: map[string]any{"theme": "dark", "language": "en", "notifications": true}}
)

// peersSession puts the same into a peer's session, which keeps named values.
func peersSession(put func(name string, value any)) {
	put("user", uma.ID)
	put("name", uma.Name)
	put("email", uma.Email)
	put("role", uma.Role)
	put("permissions", uma.Permissions)
	for name, v := range uma.Data {
		put(name, v)
	}
	put("visits", 1)
}

func init() { gob.Register([]string{}) } // as programs of the peers must

func memoryStore(testing.TB) nguard.Store { return memstore.New() }

// loggedIn is a guard with the session of the story.
func loggedIn(b testing.TB, store nguard.Store) (*nguard.Guard, string) {
	g, err := nguard.New(nguard.Config{Store: store, Users: guardtest.NewUsers(uma), Fields: append([]nguard.AnyField{theme, visits}, others...),
		Limits: nguard.Limits{Login: nguard.Unlimited, Update: nguard.Unlimited}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = g.Shutdown(context.Background()) }) // before the database is closed
	ctx := nguard.WithActor(context.Background(), "bench")
	token, s, err := g.Login(ctx, "user-1", nguard.LoginOptions{})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := g.Update(ctx, "user-1", s.ID(), func(d *nguard.Draft) error { return visits.Set(d, 1) }); err != nil {
		b.Fatal(err)
	}
	return g, token
}

func guardRead(open func(testing.TB) nguard.Store) side {
	return func(b *testing.B) {
		g, token := loggedIn(b, open(b))
		h := httpguard.Sessions(g)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s, err := httpguard.From(r).Session()
			if err != nil || theme.Get(s) != "dark" {
				b.Fatal("no session")
			}
			_, _ = w.Write(nil)
		}))
		serve(b, h, request(g.CookieName()+"="+token))
	}
}

func guardUpdate(open func(testing.TB) nguard.Store) side {
	return func(b *testing.B) {
		g, token := loggedIn(b, open(b))
		h := httpguard.Sessions(g)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := httpguard.From(r).Update(r.Context(), func(d *nguard.Draft) error {
				return visits.Modify(d, func(n int) int { return n + 1 })
			}); err != nil {
				b.Fatal(err)
			}
		}))
		r := request(g.CookieName() + "=" + token)
		r.Method = "POST"
		serve(b, h, r)
	}
}

// scsRead is the same request with scs: the session holds what nguard's record holds besides.
func scsRead(open func(testing.TB) scs.Store, idle time.Duration) side {
	return func(b *testing.B) {
		m := scs.New()
		m.Store, m.IdleTimeout = open(b), idle
		ctx, err := m.Load(context.Background(), "")
		if err != nil {
			b.Fatal(err)
		}
		peersSession(func(name string, v any) { m.Put(ctx, name, v) })
		token, _, err := m.Commit(ctx)
		if err != nil {
			b.Fatal(err)
		}
		h := m.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if m.GetString(r.Context(), "user") != "user-1" || m.GetString(r.Context(), "theme") != "dark" {
				b.Fatal("no session")
			}
			_, _ = w.Write(nil)
		}))
		serve(b, h, request("session="+token))
	}
}
