package promises

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// frozen is a clock that moves by hand only, for limits that are tested to the second.
type frozen struct {
	mu sync.Mutex
	t  time.Time
}

func (c *frozen) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *frozen) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// eachFrozen is each with a clock that stands still.
func eachFrozen(t *testing.T, fn func(t *testing.T, w *world, c *frozen), options ...func(*nguard.Config)) {
	t.Helper()
	for _, make := range []func(testing.TB) backing{memory, sqlite, split} {
		b := make(t)
		t.Run(b.name, func(t *testing.T) {
			c := &frozen{t: time.Now().UTC()}
			fn(t, newWorld(t, b, append(slices.Clone(options), func(cfg *nguard.Config) { cfg.Now = c.Now })...), c)
		})
	}
}

// spy is a Store that counts the calls to the one that it wraps, and lets a test stand between them.
type spy struct {
	nguard.Store
	lister nguard.Lister
	epochs nguard.Epochs

	mu    sync.Mutex
	calls map[string]int
	// loaded, when set, runs once, after the next Load.
	loaded func()
}

func spyOn(s nguard.Store) *spy {
	return &spy{Store: s, lister: s.(nguard.Lister), epochs: s.(nguard.Epochs), calls: map[string]int{}}
}

// watched puts a spy between the guard and its store.
func watched(into **spy) func(*nguard.Config) {
	return func(c *nguard.Config) {
		*into = spyOn(c.Store)
		c.Store = *into
	}
}

func (s *spy) Unwrap() any { return s.Store }

func (s *spy) count(op string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[op]++
}

// took returns the calls since the last time, sweeps left out: they are not part of any request.
func (s *spy) took() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = map[string]int{}
	delete(calls, "sweep")
	return calls
}

// expect fails unless these, such as "load 1, touch 1", are the calls since the last time.
func (s *spy) expect(t *testing.T, what, want string) {
	t.Helper()
	calls := s.took()
	var list []string
	for _, op := range slices.Sorted(maps.Keys(calls)) {
		list = append(list, fmt.Sprintf("%s %d", op, calls[op]))
	}
	if got := strings.Join(list, ", "); got != want {
		t.Errorf("%s: store calls: got %q, want %q", what, got, want)
	}
}

// hold stops the next request after its Load, before the engine sees the result: entered says that it
// is there, closing release lets it go on. Others pass.
func (s *spy) hold() (entered, release chan struct{}) {
	entered, release = make(chan struct{}), make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loaded = func() {
		close(entered)
		<-release
	}
	return entered, release
}

func (s *spy) Create(ctx context.Context, r *nguard.Record, c nguard.Cap) (nguard.Created, error) {
	s.count("create")
	return s.Store.Create(ctx, r, c)
}

func (s *spy) Load(ctx context.Context, token string) (nguard.Found, error) {
	s.count("load")
	f, err := s.Store.Load(ctx, token)
	s.mu.Lock()
	fn := s.loaded
	s.loaded = nil
	s.mu.Unlock()
	if fn != nil {
		fn()
	}
	return f, err
}

func (s *spy) Replace(ctx context.Context, f nguard.Found, next *nguard.Record, rotate bool) (nguard.Found, error) {
	s.count("replace")
	return s.Store.Replace(ctx, f, next, rotate)
}

func (s *spy) Touch(ctx context.Context, f nguard.Found, at time.Time) (nguard.Found, error) {
	s.count("touch")
	return s.Store.Touch(ctx, f, at)
}

func (s *spy) Delete(ctx context.Context, owner, id string) error {
	s.count("delete")
	return s.Store.Delete(ctx, owner, id)
}

func (s *spy) Find(ctx context.Context, owner, id string) (nguard.Found, error) {
	s.count("find")
	return s.lister.Find(ctx, owner, id)
}

func (s *spy) List(ctx context.Context, owner, after string, n int) ([]nguard.Found, error) {
	s.count("list")
	return s.lister.List(ctx, owner, after, n)
}

func (s *spy) Epoch(ctx context.Context, owner string) (nguard.Epoch, error) {
	s.count("epoch")
	return s.epochs.Epoch(ctx, owner)
}

func (s *spy) Bump(ctx context.Context, owner string, b nguard.Bump) (nguard.Epoch, error) {
	s.count("bump")
	return s.epochs.Bump(ctx, owner, b)
}

func (s *spy) Sweep(ctx context.Context, now time.Time, n int) (int, error) {
	s.count("sweep")
	return s.Store.(nguard.Sweeper).Sweep(ctx, now, n)
}

// silent fails when an answer sets a cookie.
func silent(t *testing.T, a answer) {
	t.Helper()
	if lines := a.header["Set-Cookie"]; len(lines) > 0 {
		t.Errorf("%s: a read sent Set-Cookie: %q", a.what, lines)
	}
}

func TestP06_SteadyStateIsOneLoad(t *testing.T) {
	var s *spy
	eachFrozen(t, func(t *testing.T, w *world, _ *frozen) {
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

func TestP06_IdleClockOncePerInterval(t *testing.T) {
	var s *spy
	eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
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

func TestP06_SeenMarkOncePerRotation(t *testing.T) {
	var s *spy
	eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		b := w.loggedIn("user")
		for range 3 {
			c.Advance(11 * time.Second)
			before := b.token()
			b.post("/api/auth/refresh", "").expect(200)
			if b.token() == before {
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

func TestP06_ReStampOncePerChange(t *testing.T) {
	var s *spy
	eachFrozen(t, func(t *testing.T, w *world, _ *frozen) {
		b, phone := w.loggedIn("user"), w.loggedIn("user")
		for _, value := range []string{"dark", "light"} {
			phone.post("/api/auth/update", `{"theme":"`+value+`"}`).expect(200)
			s.took()
			a := b.get("/api/auth/session").expect(200)
			silent(t, a)
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

func TestP06_VisitorsCreateNothing(t *testing.T) {
	var s *spy
	eachFrozen(t, func(t *testing.T, w *world, _ *frozen) {
		h := w.handler()
		for i := range 1000 {
			read := [][2]string{{"GET", "/public"}, {"HEAD", "/public"}, {"GET", "/who"}, {"GET", "/api/auth/validate"}, {"GET", "/admin"}, {"POST", "/api/visits"}}[i%6]
			r := httptest.NewRequest(read[0], read[1], nil)
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			if i%2 == 1 {
				r.AddCookie(&http.Cookie{Name: "another", Value: "cookie"})
			}
			rw := httptest.NewRecorder()
			h.ServeHTTP(rw, r)
			if lines := rw.Result().Header["Set-Cookie"]; len(lines) > 0 {
				t.Fatalf("%v without a session: Set-Cookie %q", read, lines)
			}
			if read[1] == "/public" && rw.Code != 200 || read[1] == "/who" && rw.Code != 401 {
				t.Fatalf("%v without a session: status %d", read, rw.Code)
			}
		}
		s.expect(t, "1000 requests without a session", "")
	}, watched(&s))
}

// An update whose every value is the present one changes nothing and writes nothing.
func TestP06_SameValueWritesNothing(t *testing.T) {
	var s *spy
	eachFrozen(t, func(t *testing.T, w *world, _ *frozen) {
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
