package adaptertest

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// floods are the rules A7 and A9 of the checklist: what tokens cost that nobody issued, and where randomness ends.
var floods = []rule{
	{"A7 a flood of tokens", "Requests with tokens that lead nowhere write nothing, and make few records.", floodWrites},
	{"A7 the tables after a flood", "Well-formed tokens that nobody issued here leave no row behind.", floodTables},
	{"A9 no randomness", "Without randomness nobody gets a token, and who has one keeps it.", floodNoRandomness},
}

func floodWrites(t *testing.T, k *kit) {
	w, store := k.tallied(t)
	victim := w.loggedIn("user")
	before := store.writes()
	wellFormed := issuedElsewhere(t, w, "user")
	c := dialWire(t, w.addr())
	for i := range 500 {
		made := strings.Repeat("A", i%80)
		c.ask(w.written("GET", "/api/auth/session", "", w.by(made))).expect(401)
		c.ask(w.written("POST", "/api/auth/logout", "", sameOrigin, w.by(made))).expect(200)
		c.ask(w.written("POST", "/api/auth/logout", "", sameOrigin)).expect(200)
		c.ask(w.written("POST", "/api/auth/refresh", "", sameOrigin)).expect(401)
	}
	for range 100 {
		c.ask(w.written("POST", "/api/auth/logout", "", sameOrigin, w.by(wellFormed))).expect(200)
	}
	if n := store.writes() - before; n != 0 {
		t.Errorf("a flood made %d writes", n)
	}
	if n := len(w.back.read()); n > 100 {
		t.Errorf("a flood made %d records", n)
	}
	victim.get("/who").expect(200)
}

func floodTables(t *testing.T, k *kit) {
	w := k.newWorld(t)
	w.loggedIn("user")
	before := w.rowCounts()
	if before == "" {
		t.Skip("not for this backing: this backing has no tables that can be counted")
	}
	c := dialWire(t, w.addr())
	for range 50 {
		c.ask(w.written("GET", "/who", "", w.by(issuedLocally(t, w)))).expect(401)
		c.ask(w.written("POST", "/api/auth/logout", "", sameOrigin, w.by(strings.Repeat("x", 72)))).expect(200)
	}
	if after := w.rowCounts(); after != before {
		t.Errorf("rows before %s, after %s", before, after)
	}
}

// issuedLocally makes tokens fast that are well formed for this world's store.
func issuedLocally(t testing.TB, w *world) string {
	t.Helper()
	var b nguard.Backend = nowhere{}
	if w.routed() {
		b = nowhereRouted{}
	}
	created, err := nguard.Keyed(b).Create(context.Background(), &nguard.Record{Owner: "user"}, nguard.Cap{})
	if err != nil {
		t.Fatal(err)
	}
	return created.Live
}

// nowhere is a backend that keeps nothing.
type nowhere struct{ nguard.Backend }

func (nowhere) Insert(context.Context, nguard.Row, nguard.Cap) ([]string, error) { return nil, nil }

// nowhereRouted is one whose tokens are routed, each to another place.
type nowhereRouted struct{ nowhere }

func (nowhereRouted) Route(string) []byte { return []byte(rand.Text()[:nguard.RouteLen]) }

// brokenRandom gives some bytes and then an error, or the end.
type brokenRandom struct {
	left int
	err  error
}

func (r *brokenRandom) Read(p []byte) (int, error) {
	n := min(r.left, len(p))
	r.left -= n
	if n < len(p) {
		return n, r.err
	}
	return n, nil
}

// randomness stands in for the source of randomness of the process from the first Run on, so that it can be broken
// for a while: others read it at any time, drivers for instance, and would race with one who replaces it.
type randomness struct {
	real   io.Reader
	mu     sync.Mutex
	broken io.Reader // nil: it is not
}

var (
	random        = &randomness{real: rand.Reader}
	installRandom = sync.OnceFunc(func() { rand.Reader = random })
)

func (r *randomness) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken != nil {
		return r.broken.Read(p)
	}
	return r.real.Read(p)
}

// set breaks it, or mends it with nil.
func (r *randomness) set(broken io.Reader) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = broken
}

// A harness that runs several suites in one process runs this one alone: it breaks the source of randomness
// of the process.
func floodNoRandomness(t *testing.T, k *kit) {
	defer random.set(nil)
	for name, broken := range map[string]func() io.Reader{
		"error":      func() io.Reader { return &brokenRandom{0, errors.New("canary: no entropy")} },
		"short read": func() io.Reader { return &brokenRandom{40, io.EOF} },
		"end":        func() io.Reader { return &brokenRandom{0, io.EOF} },
	} {
		w := k.newWorld(t)
		b := w.loggedIn("user") // so that the epoch exists, which is no secret and whose making ends the process
		w.clock.Advance(nguard.Grace + time.Second)
		sessions, before := w.count("user"), b.token()
		newcomer := w.browser()
		random.set(broken())
		login := newcomer.post("/api/auth/login", credentials)
		random.set(broken())
		step := b.post("/step-up", "")
		random.set(&brokenRandom{0, io.ErrUnexpectedEOF}) // a salt is shorter than a token
		refresh := b.post("/api/auth/refresh", "")
		random.set(nil)
		for what, a := range map[string]answer{"login": login, "refresh": refresh, "step-up": step} {
			if a.status < 500 || len(a.header["Set-Cookie"]) != 0 || strings.Contains(string(a.raw), "canary") {
				t.Errorf("%s, %s: status %d, Set-Cookie %q, body %s", name, what, a.status, a.header["Set-Cookie"], a.raw)
			}
		}
		if n := w.count("user"); n != sessions || b.token() != before || newcomer.token() != "" {
			t.Errorf("%s: %d sessions, before %d", name, n, sessions)
		}
		b.get("/who").expect(200)
		newcomer.login("user")
	}
}
