package adaptertest

import (
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// The rules of promise P5: tokens are replaced, and it strands nobody.
var rotation = []rule{
	{"P5 the first refresh", "The first refresh rotates at once: the first token has no predecessor whose grace could be cut short.", rotateFirst},
	{"P5 when the grace opens", "The grace of a replaced token begins when its successor is seen; a token that is shown after it is a theft.", rotateGraceOpens},
	{"P5 older tokens", "A token of two generations ago is a theft, whatever the grace of its successor.", rotateOlder},
	{"P5 the grace is not cut short", "A rotation that was wanted while the predecessor's grace is open waits for it.", rotateGraceKept},
	{"P5 rotation by age", "An old token is replaced by the next request with an unsafe method, never by a read.", rotateAge},
	{"P5 a slow handler", "A handler that works for longer than the grace saves at the end: its token was good when it came.", rotateSlowHandler},
}

func rotateFirst(t *testing.T, k *kit) {
	k.eachFrozen(t, func(t *testing.T, w *world, _ *frozen) {
		b := w.loggedIn("user")
		first := b.token()
		b.post("/api/auth/refresh", "").expect(200)
		second := b.token()
		if w.sameToken(second, first) {
			t.Fatal("a refresh just after the login kept the token")
		}
		w.show(first, "GET", "/who").expect(200)
		b.post("/api/auth/refresh", "").expect(200)
		if !w.sameToken(b.token(), second) {
			t.Error("a second refresh cut the grace of the first token short")
		}
		w.show(first, "GET", "/who").expect(200)
	})
}

func rotateGraceOpens(t *testing.T, k *kit) {
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		_, first, second := rotated(t, w, c)
		other := w.loggedIn("user")
		c.Advance(20 * time.Minute)
		w.show(second, "GET", "/who").expect(200) // seen
		for range 2 {
			c.Advance(5 * time.Second)
			for _, method := range []string{"GET", "POST"} {
				path := map[string]string{"GET": "/who", "POST": "/api/visits"}[method]
				if a := w.show(first, method, path).expect(200); !w.sameToken(given(w, a), second) {
					t.Errorf("%s within the grace: got %q, want the one successor", method, given(w, a))
				}
			}
		}
		c.Advance(time.Nanosecond)
		a := w.show(first, "GET", "/who").expect(401)
		if len(a.header["Set-Cookie"]) > 0 {
			t.Errorf("a refused old token is answered with a cookie: %q", a.header["Set-Cookie"])
		}
		w.show(second, "GET", "/who").expect(401)
		w.show(first, "GET", "/who").expect(401)
		other.get("/who").expect(200)
		e := w.awaitEvent(nguard.EventTokenReuse, nguard.Denied)
		if e.Target != "user" || e.Session == "" || e.Class != nguard.ClassEnd {
			t.Errorf("record of the theft: %+v", e)
		}
	})
}

func rotateOlder(t *testing.T, k *kit) {
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		b, first, second := rotated(t, w, c)
		b.get("/who").expect(200)
		c.Advance(11 * time.Second)
		b.post("/api/auth/refresh", "").expect(200)
		third := b.token()
		if w.sameToken(third, second) {
			t.Fatal("the second refresh did not rotate")
		}
		w.show(second, "GET", "/who").expect(200) // its predecessor works, the third is not seen yet
		w.show(first, "GET", "/who").expect(401)  // two generations old
		w.show(third, "GET", "/who").expect(401)
		w.show(second, "GET", "/who").expect(401)
		w.awaitEvent(nguard.EventTokenReuse, nguard.Denied)
	})
}

func rotateGraceKept(t *testing.T, k *kit) {
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		b, first, second := rotated(t, w, c)
		b.get("/who").expect(200) // seen: the grace is open
		c.Advance(5 * time.Second)
		if a := b.post("/api/auth/refresh", "").expect(200); !w.sameToken(given(w, a), second) {
			t.Errorf("refresh within the grace gave %q, want the live token", given(w, a))
		}
		c.Advance(4 * time.Second)
		w.show(first, "GET", "/who").expect(200)
		c.Advance(2 * time.Second)
		a := b.post("/api/visits", "").expect(200) // what was wanted falls due
		if got := given(w, a); w.sameToken(got, second) || got == "" {
			t.Errorf("a due rotation did not take place: %q", got)
		}
		b.get("/who").expect(200)
		c.Advance(time.Hour / 2)
		b.get("/who").expect(200)
	})
}

func rotateAge(t *testing.T, k *kit) {
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		b := w.loggedIn("user")
		first := b.token()
		for range 3 {
			c.Advance(30 * time.Minute)
			for _, read := range []string{"GET /who", "HEAD /public", "OPTIONS /public", "GET /api/auth/validate"} {
				method, path, _ := strings.Cut(read, " ")
				silent(t, b.do(method, path, "").expect(200))
			}
		}
		if b.token() != first {
			t.Fatal("a read rotated")
		}
		a := b.post("/api/visits", "").expect(200)
		second := b.token()
		if w.sameToken(second, first) || given(w, a) != second {
			t.Fatalf("an old token was not replaced: %q", a.header["Set-Cookie"])
		}
		if lines := a.header["Set-Cookie"]; len(lines) != 1 {
			t.Errorf("one answer, one cookie: %q", lines)
		}
		if a.text() != "1" {
			t.Errorf("the update of the rotating request answered %q", a.text())
		}
		// The reply that carried the successor may have been lost: making it is not seeing it.
		c.Advance(30 * time.Minute)
		if a := w.show(first, "GET", "/who").expect(200); !w.sameToken(given(w, a), second) {
			t.Errorf("the predecessor after a lost reply: got %q, want the successor", given(w, a))
		}
		b.get("/who").expect(200)
	}, func(c *nguard.Config) { c.Lifetime.RotateEvery = 80 * time.Minute })
}

func rotateSlowHandler(t *testing.T, k *kit) {
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		entered, release := make(chan struct{}), make(chan struct{})
		base := w.pages(Route{Method: "POST", Path: "/slow", Handle: func(c Ctx) {
			close(entered)
			<-release
			_, err := c.From().Update(c.Context(), func(d *nguard.Draft) error {
				return visits.Modify(d, func(n int) int { return n + 1 })
			})
			if err != nil {
				c.Fail(err)
			}
		}})
		b := w.loggedIn("user")
		first := b.token()
		c.Advance(11 * time.Second)
		done := make(chan answer, 1)
		slow := w.browser().hold(first).on(base)
		go func() {
			a, err := slow.try("POST", "/slow", "")
			if err != nil {
				t.Error(err)
			}
			done <- a
		}()
		<-entered
		b.post("/api/auth/refresh", "").expect(200) // another tab
		b.get("/who").expect(200)
		c.Advance(time.Minute)
		close(release)
		a := <-done
		status, counted := 200, "2"
		if w.back.sealed != nil { // no cookie can carry the value to a browser that holds a newer token
			status, counted = 503, "1"
		}
		if a.status != status {
			t.Errorf("slow handler: status %d, want %d, body %s", a.status, status, a.raw)
		}
		if got := given(w, a); w.sameToken(got, first) {
			t.Error("the slow answer puts the dead token back")
		}
		if got := b.post("/api/visits", "").expect(200).text(); got != counted {
			t.Errorf("visits %s, want %s", got, counted)
		}
		w.show(first, "GET", "/who").expect(401) // a new request with it is another matter
		w.back.notSealed(t, "a request whose token was replaced and is past its grace cannot save values, and answers 503")
	})
}
