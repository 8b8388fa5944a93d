package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nguard-go/nguard/audit"
	"github.com/nguard-go/nguard/audit/audittest"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/examples/internal/program"
)

func TestMain(m *testing.M) { program.Main(m, main) }

// receiver is the other end. Its first answers are failures of all kinds; then it takes what comes, once.
type receiver struct {
	*httptest.Server
	elsewhere *httptest.Server
	released  chan struct{} // until it is closed, the receiver takes nothing

	mu     sync.Mutex
	posts  int
	taken  []string
	astray int
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{released: make(chan struct{})}
	r.elsewhere = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.astray++
	}))
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.elsewhere.Close)
	t.Cleanup(r.Server.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	line, err := io.ReadAll(q.Body)
	if err != nil || q.Method != "POST" || q.Header.Get("Content-Type") != "application/json" {
		http.Error(w, "not a record", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	r.posts++
	post := r.posts
	r.mu.Unlock()
	switch post {
	case 1:
		w.WriteHeader(http.StatusServiceUnavailable)
	case 2:
		http.Redirect(w, q, r.elsewhere.URL, http.StatusTemporaryRedirect)
	case 3:
		panic(http.ErrAbortHandler) // the connection breaks
	case 4: // is taken, and answered too late
		r.take(string(line))
		<-q.Context().Done()
	default:
		select {
		case <-r.released:
			r.take(string(line))
			w.WriteHeader(http.StatusNoContent)
		case <-q.Context().Done():
		}
	}
}

func (r *receiver) take(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.taken, line) {
		r.taken = append(r.taken, line)
	}
}

// TestWebhook: while the receiver fails, and then is slow, people are served; after SIGTERM every record has
// arrived exactly as it is in the file, and none anywhere else.
func TestWebhook(t *testing.T) {
	r := newReceiver(t)
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	p := program.Start(t, "-webhook", r.URL, "-file", file, "-patience", "500ms")
	var people sync.WaitGroup
	for range 4 {
		ann := p.Browser(t)
		people.Go(func() {
			ann.Post("/api/auth/login", `{"email":"ann@example.com","password":"wrong"}`, 401, "bad_credentials")
		})
	}
	people.Wait()
	ann := p.Browser(t)
	ann.Login("ann@example.com")
	ann.Post("/api/auth/refresh", "", 200, "session")
	ann.Post("/api/auth/logout", "", 200, "signed out")
	r.mu.Lock()
	taken := len(r.taken)
	r.mu.Unlock()
	if taken > 1 {
		t.Errorf("the receiver has taken %d records before it was to", taken)
	}
	close(r.released)
	p.Stop(t)

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	recorded := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	slices.Sort(recorded)
	slices.Sort(r.taken)
	if !slices.Equal(recorded, r.taken) || !slices.ContainsFunc(recorded, func(l string) bool { return strings.Contains(l, nguard.EventShutdown) }) {
		t.Errorf("recorded:\n%s\narrived:\n%s", strings.Join(recorded, "\n"), strings.Join(r.taken, "\n"))
	}
	if r.astray > 0 || r.posts < 5 {
		t.Errorf("%d records went where a redirect led to, %d posts", r.astray, r.posts)
	}
}

// TestSuite is what package audit asks of every sink.
func TestSuite(t *testing.T) {
	audittest.Run(t, func(t *testing.T) audittest.Harness {
		var mu sync.Mutex
		var text bytes.Buffer
		status, stalled := http.StatusNoContent, make(chan struct{})
		close(stalled)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			line, err := io.ReadAll(q.Body)
			mu.Lock()
			wait := stalled
			mu.Unlock()
			<-wait
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				return
			}
			w.WriteHeader(status)
			if status == http.StatusNoContent {
				fmt.Fprintf(&text, "%s\n", line)
			}
		}))
		t.Cleanup(server.Close)
		return audittest.Harness{
			Sink: newWebhook(server.URL),
			Events: func() (events []nguard.Event, err error) {
				mu.Lock()
				defer mu.Unlock()
				for line := range bytes.Lines(text.Bytes()) {
					e, err := audit.Decode(line)
					if err != nil {
						return nil, err
					}
					events = append(events, e)
				}
				return events, nil
			},
			Output: func() ([]byte, error) {
				mu.Lock()
				defer mu.Unlock()
				return bytes.Clone(text.Bytes()), nil
			},
			Stall: func() func() {
				mu.Lock()
				defer mu.Unlock()
				wait := make(chan struct{})
				stalled = wait
				return sync.OnceFunc(func() { close(wait) })
			},
			Break: func() {
				mu.Lock()
				defer mu.Unlock()
				status = http.StatusInternalServerError
			},
		}
	})
}
