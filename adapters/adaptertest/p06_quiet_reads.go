package adaptertest

import (
	"strings"
	"testing"
	"time"
)

// The rules of promise P6: reading writes nothing but bookkeeping that falls due.
var quietReads = []rule{
	{"P6 steady state", "In steady state a request reads the store once and writes nothing, whatever its page, method and answer.", quietSteady},
	{"P6 the idle clock", "The idle clock is written once in each interval.", quietIdleClock},
	{"P6 the seen mark", "A new token is marked as seen once.", quietSeenMark},
	{"P6 the new stamp", "After a change of a person each of their other sessions is stamped once, by its next request.", quietReStamp},
	{"P6 visitors", "Requests without a session neither read nor write the store, and set no cookie.", quietVisitors},
	{"P6 the same value", "An update whose every value is the present one changes nothing and writes nothing.", quietSameValue},
}

func quietSteady(t *testing.T, k *kit) {
	var s *spy
	k.eachFrozen(t, func(t *testing.T, w *world, _ *frozen) {
		b := w.loggedIn("user")
		admin := w.loggedIn("admin")
		s.took()
		for _, read := range []string{"GET /api/auth/session", "GET /api/auth/validate", "HEAD /api/auth/validate", "GET /who", "GET /public", "OPTIONS /public"} {
			method, path, _ := strings.Cut(read, " ")
			for range 5 {
				silent(t, b.do(method, path, "").expect(200))
				s.expect(t, read, "load 1")
			}
		}
		silent(t, b.get("/admin").expect(403))
		s.expect(t, "a refused page", "load 1")
		silent(t, admin.get("/admin").expect(200))
		s.expect(t, "a page for admins", "load 1")
	}, watched(&s))
}

func quietIdleClock(t *testing.T, k *kit) {
	var s *spy
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		b := w.loggedIn("user")
		s.took()
		for range 3 {
			c.Advance(59 * time.Second)
			silent(t, b.get("/who").expect(200))
			s.expect(t, "within the interval", "load 1")
			c.Advance(time.Second)
			silent(t, b.get("/who").expect(200))
			s.expect(t, "at the interval", "load 1, touch 1")
			silent(t, b.get("/who").expect(200))
			s.expect(t, "after the interval", "load 1")
		}
	}, watched(&s))
}

func quietSeenMark(t *testing.T, k *kit) {
	var s *spy
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		b := w.loggedIn("user")
		for range 3 {
			c.Advance(11 * time.Second)
			before := b.token()
			b.post("/api/auth/refresh", "").expect(200)
			if w.sameToken(b.token(), before) {
				t.Fatal("refresh kept the token")
			}
			s.took()
			silent(t, b.get("/who").expect(200))
			s.expect(t, "first sight of a new token", "load 1, touch 1")
			for range 3 {
				silent(t, b.get("/who").expect(200))
				s.expect(t, "later", "load 1")
			}
		}
	}, watched(&s))
}

func quietReStamp(t *testing.T, k *kit) {
	var s *spy
	k.eachFrozen(t, func(t *testing.T, w *world, _ *frozen) {
		b, phone := w.loggedIn("user"), w.loggedIn("user")
		for _, value := range []string{"dark", "light"} {
			phone.post("/api/auth/update", `{"theme":"`+value+`"}`).expect(200)
			s.took()
			before := b.token()
			a := b.get("/api/auth/session").expect(200)
			restamped(t, b, before, a)
			if got := a.at("session", "data", "theme"); got != value {
				t.Errorf("theme on the other device is %v, want %s", got, value)
			}
			s.expect(t, "first read after a change", "load 1, replace 1")
			for range 3 {
				silent(t, b.get("/api/auth/session").expect(200))
				s.expect(t, "later", "load 1")
			}
			// The one that made the change was stamped by it.
			silent(t, phone.get("/api/auth/session").expect(200))
			s.expect(t, "the device that made the change", "load 1")
		}
	}, watched(&s))
}

func quietVisitors(t *testing.T, k *kit) {
	var s *spy
	k.eachFrozen(t, func(t *testing.T, w *world, _ *frozen) {
		visitor := w.browser()
		for i := range 1000 {
			read := [][2]string{{"GET", "/public"}, {"HEAD", "/public"}, {"GET", "/who"}, {"GET", "/api/auth/validate"}, {"GET", "/admin"}, {"POST", "/api/visits"}}[i%6]
			var others []string
			if i%2 == 1 {
				others = []string{"Cookie: another=cookie"}
			}
			a := visitor.do(read[0], read[1], "", others...)
			if lines := a.header["Set-Cookie"]; len(lines) > 0 {
				t.Fatalf("%v without a session: Set-Cookie %q", read, lines)
			}
			if read[1] == "/public" && a.status != 200 || read[1] == "/who" && a.status != 401 {
				t.Fatalf("%v without a session: status %d", read, a.status)
			}
		}
		s.expect(t, "1000 requests without a session", "")
	}, watched(&s))
}

func quietSameValue(t *testing.T, k *kit) {
	var s *spy
	k.eachFrozen(t, func(t *testing.T, w *world, _ *frozen) {
		b := w.loggedIn("user")
		b.post("/api/auth/update", `{"theme":"dark","draft":"d"}`).expect(200)
		s.took()
		a := b.post("/api/auth/update", `{"user":{"id":"user","role":"user"},"data":{"theme":"dark","draft":"d"}}`).expect(200)
		if len(a.header["Set-Cookie"]) != 1 {
			t.Errorf("a successful update repeats the cookie (contract 8.6): %q", a.header["Set-Cookie"])
		}
		if calls := s.took(); calls["replace"]+calls["touch"]+calls["bump"]+calls["create"] != 0 {
			t.Errorf("an update with the present values wrote: %v", calls)
		}
	}, watched(&s))
}
