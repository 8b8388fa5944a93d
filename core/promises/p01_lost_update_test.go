package promises

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
)

// crowd runs fn n times on workers goroutines that start together.
func crowd(workers, n int, fn func(i int)) {
	var wg sync.WaitGroup
	var next atomic.Int64
	start := make(chan struct{})
	for range workers {
		wg.Go(func() {
			<-start
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				fn(i)
			}
		})
	}
	close(start)
	wg.Wait()
}

// pages serves handlers of one test on the world's guard and returns a browser's way to them.
func (w *world) pages(handlers map[string]http.HandlerFunc) (base string) {
	mux := http.NewServeMux()
	for pattern, h := range handlers {
		mux.HandleFunc(pattern, h)
	}
	server := httptest.NewServer(httpguard.Sessions(w.guard)(httpguard.Endpoints(w.guard)(mux)))
	w.t.Cleanup(server.Close)
	return server.URL
}

// on is the same browser on another server.
func (b *browser) on(base string) *browser { return &browser{w: b.w, base: base, client: b.client} }

func TestP01_NoLostUpdate_ThousandIncrements(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.loggedIn("user")
		id := b.token()
		var seen [1001]atomic.Int32
		crowd(64, 1000, func(int) {
			a, err := b.try("POST", "/api/visits", "")
			if err != nil || a.status != 200 {
				t.Errorf("increment: status %d, error %v, body %s", a.status, err, a.raw)
				return
			}
			n, err := strconv.Atoi(a.text())
			if err != nil || n < 1 || n > 1000 {
				t.Errorf("increment answered %q", a.raw)
				return
			}
			seen[n].Add(1)
		})
		if got := b.get("/api/auth/session").expect(200).at("session", "data", "visits"); got != 1000.0 {
			t.Errorf("1000 increments gave %v", got)
		}
		for n := 1; n <= 1000; n++ {
			if seen[n].Load() != 1 {
				t.Errorf("%d requests were answered with %d", seen[n].Load(), n)
			}
		}
		if b.token() != id {
			t.Error("increments changed the token")
		}
	})
}

// One update has read the session and is at work when another changes a different field.
func TestP01_NoLostUpdate_DifferentFields(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		entered, release := make(chan struct{}), make(chan struct{})
		var runs atomic.Int32
		base := w.pages(map[string]http.HandlerFunc{
			"POST /slow": func(rw http.ResponseWriter, r *http.Request) {
				_, err := httpguard.From(r).Update(r.Context(), func(d *nguard.Draft) error {
					if runs.Add(1) == 1 {
						close(entered)
						<-release
					}
					return visits.Modify(d, func(n int) int { return n + 7 })
				})
				if err != nil {
					httpguard.Fail(rw, r, err)
				}
			},
		})
		b := w.loggedIn("user")
		done := make(chan answer, 1)
		go func() {
			a, err := b.on(base).try("POST", "/slow", "")
			if err != nil {
				t.Error(err)
			}
			done <- a
		}()
		<-entered
		b.post("/api/auth/update", `{"draft":"kept"}`).expect(200)
		b.post("/api/auth/update", `{"theme":"dark"}`).expect(200)
		b.post("/api/visits", "").expect(200)
		close(release)
		if a := <-done; a.status != 200 {
			t.Fatalf("slow update: status %d, body %s", a.status, a.raw)
		}
		data := b.get("/api/auth/session").expect(200).at("session", "data").(map[string]any)
		if data["visits"] != 8.0 || data["draft"] != "kept" || data["theme"] != "dark" {
			t.Errorf("visits %v, draft %v, theme %v: want 8, kept, dark", data["visits"], data["draft"], data["theme"])
		}
		if runs.Load() < 2 {
			t.Error("the function was not run again on the newer session")
		}
	})
}

// Two devices of one person change fields of the users table at once: the same one, as a counter, and
// different ones.
func TestP01_NoLostUpdate_TwoSessionsOneUser(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		base := w.pages(map[string]http.HandlerFunc{
			"POST /count": func(rw http.ResponseWriter, r *http.Request) {
				_, err := httpguard.From(r).Update(r.Context(), func(d *nguard.Draft) error {
					return name.Modify(d, func(s string) string {
						n, _ := strconv.Atoi(s)
						return strconv.Itoa(n + 1)
					})
				})
				if err != nil {
					httpguard.Fail(rw, r, err)
				}
			},
		})
		devices := []*browser{w.loggedIn("user"), w.loggedIn("user")}
		const rounds = 120
		crowd(8, rounds, func(i int) {
			b := devices[i%2]
			method, path, body, on := "POST", "/count", "", base
			switch {
			case i%6 == 4:
				path, body, on = "/api/auth/update", `{"theme":"dark"}`, b.base
			case i%6 == 5:
				path, body, on = "/api/auth/update", `{"language":"de","draft":"d`+fmt.Sprint(i)+`"}`, b.base
			}
			if a, err := b.on(on).try(method, path, body); err != nil || a.status != 200 {
				t.Errorf("%s %s: status %d, error %v, body %s", path, body, a.status, err, a.raw)
			}
		})
		for i, b := range devices {
			s := b.get("/api/auth/session").expect(200)
			if got, want := s.at("session", "user", "name"), strconv.Itoa(rounds*4/6); got != want {
				t.Errorf("device %d: name counted to %v, want %s", i, got, want)
			}
			if s.at("session", "data", "theme") != "dark" || s.at("session", "data", "language") != "de" {
				t.Errorf("device %d: theme %v, language %v", i, s.at("session", "data", "theme"), s.at("session", "data", "language"))
			}
		}
	})
}

// Two processes have no lock in common: the compare and swap alone keeps every increment.
func TestP01_NoLostUpdate_TwoProcesses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.loggedIn("user")
		processes := []*browser{b, b.via(another(t, w))}
		crowd(16, 200, func(i int) {
			if a, err := processes[i%2].try("POST", "/api/visits", ""); err != nil || a.status != 200 {
				t.Errorf("increment: status %d, error %v, body %s", a.status, err, a.raw)
			}
		})
		if got := b.get("/api/auth/session").expect(200).at("session", "data", "visits"); got != 200.0 {
			t.Errorf("200 increments gave %v", got)
		}
	})
}
