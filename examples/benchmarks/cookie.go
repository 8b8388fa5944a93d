package main

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/sessions"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/stores/cookiestore"
	"github.com/nguard-go/nguard/stores/memstore"
)

// sealed is a store whose sessions are in the cookie, its guard, and the cookie of the session of the story.
// Without a companion it keeps nothing on the server, as gorilla's.
func sealed(b testing.TB, companion nguard.Store) (*cookiestore.Store, *nguard.Guard, string) {
	keys, err := cookiestore.NewRing([]byte("q6Zb0Vt2sXw9LrT4uJm8HcYkEo1NdPfA"))
	if err != nil {
		b.Fatal(err)
	}
	store, err := cookiestore.New(cookiestore.Config{Keys: keys, Companion: companion})
	if err != nil {
		b.Fatal(err)
	}
	g, err := nguard.New(nguard.Config{Store: store, Users: guardtest.NewUsers(uma), Fields: append([]nguard.AnyField{theme, visits}, others...),
		Limits: nguard.Limits{Login: nguard.Unlimited, Update: nguard.Unlimited}, Waive: store.Lacks()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = g.Shutdown(context.Background()) })
	token, _, err := g.Login(nguard.WithActor(context.Background(), "bench"), "user-1", nguard.LoginOptions{Device: "Mozilla/5.0", IP: "192.0.2.1"})
	if err != nil {
		b.Fatal(err)
	}
	w := &writer{http.Header{}}
	r := request(g.CookieName() + "=" + token)
	r.Method = "POST"
	count(b, g).ServeHTTP(w, r)
	return store, g, w.cookie(b)
}

// nothing is the companion of a store that has none.
func nothing(testing.TB) nguard.Store { return nil }

// cookie is the pair of the Set-Cookie line, as a browser sends it back.
func (w *writer) cookie(b testing.TB) string {
	list := (&http.Response{Header: w.h}).Cookies()
	if len(list) != 1 {
		b.Fatalf("%d cookies were set", len(list))
	}
	return list[0].Name + "=" + list[0].Value
}

func count(b testing.TB, g *nguard.Guard) http.Handler {
	return httpguard.Sessions(g)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, err := httpguard.From(r).Update(r.Context(), func(d *nguard.Draft) error {
			return visits.Modify(d, func(n int) int { return n + 1 })
		}); err != nil {
			b.Fatal(err)
		}
	}))
}

// cookieLoad opens a cookie, and reads its row where there is one.
func cookieLoad(rows func(testing.TB) nguard.Store) side {
	return func(b *testing.B) { load(b, rows(b)) }
}

func load(b *testing.B, companion nguard.Store) {
	store, _, cookie := sealed(b, companion)
	_, value, _ := strings.Cut(cookie, "=")
	ctx := context.Background()
	measured(b, func(int) {
		f, err := store.Load(ctx, value)
		if err != nil || f.Record.User.Data["theme"] != "dark" || f.Data["visits"] != int64(1) {
			b.Fatal("no session")
		}
	})
}

// cookieReplace writes a row where there is one, and seals a new cookie.
func cookieReplace(rows func(testing.TB) nguard.Store) side {
	return func(b *testing.B) { replace(b, rows(b)) }
}

func replace(b *testing.B, companion nguard.Store) {
	store, g, cookie := sealed(b, companion)
	_, value, _ := strings.Cut(cookie, "=")
	ctx := context.Background()
	f, err := store.Load(ctx, value)
	if err != nil {
		b.Fatal(err)
	}
	h := http.Header{}
	values := [2]map[string]any{{"visits": int64(1)}, {"visits": int64(2)}}
	measured(b, func(i int) {
		next := *f.Record
		next.Version++
		next.Data = values[i%2]
		if f, err = store.Replace(ctx, f, &next, false); err != nil {
			b.Fatal(err)
		}
		clear(h)
		h.Add("Set-Cookie", g.CookieName()+"="+f.Live+"; Path=/; Secure; HttpOnly; SameSite=Lax")
	})
}

// cookieRead and cookieUpdate are whole requests through the guard: judged, checked and recorded.
func cookieRead(b *testing.B) {
	_, g, cookie := sealed(b, memstore.New())
	serve(b, httpguard.Sessions(g)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := httpguard.From(r).Session()
		if err != nil || theme.Get(s) != "dark" || visits.Get(s) != 1 {
			b.Fatal("no session")
		}
		_, _ = w.Write(nil)
	})), request(cookie))
}

func cookieUpdate(b *testing.B) {
	_, g, cookie := sealed(b, memstore.New())
	r := request(cookie)
	r.Method = "POST"
	serve(b, count(b, g), r)
}

// gorilla is the same session in gorilla's CookieStore, encrypted with AES-256 and authenticated, as its
// documentation has it.
func gorilla(b testing.TB) (sessions.Store, string) {
	store := sessions.NewCookieStore([]byte("q6Zb0Vt2sXw9LrT4uJm8HcYkEo1NdPfA"), []byte("8zL0qJ3wpa4a2WvB1oYB1uWb8FYl0rA3"))
	r := request("")
	session, err := store.Get(r, "session")
	if err != nil {
		b.Fatal(err)
	}
	peersSession(func(name string, v any) { session.Values[name] = v })
	w := &writer{http.Header{}}
	if err := session.Save(r, w); err != nil {
		b.Fatal(err)
	}
	return store, w.cookie(b)
}

func gorillaGet(b *testing.B) {
	store, cookie := gorilla(b)
	r := request(cookie)
	measured(b, func(int) {
		fresh := *r // it keeps what it has decoded in the request's context
		session, err := store.Get(&fresh, "session")
		if err != nil || session.Values["theme"] != "dark" || session.Values["visits"] != 1 {
			b.Fatal("no session")
		}
	})
}

func gorillaSave(b *testing.B) {
	store, cookie := gorilla(b)
	r, w := request(cookie), &writer{http.Header{}}
	session, err := store.Get(r, "session")
	if err != nil {
		b.Fatal(err)
	}
	measured(b, func(i int) {
		session.Values["visits"] = i
		clear(w.h)
		if err := session.Save(r, w); err != nil {
			b.Fatal(err)
		}
	})
}
