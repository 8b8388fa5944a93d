package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nguard-go/nguard/stores/servicetest"
)

// deadline is Config.Timeout, and what a busy machine may add to it.
const (
	deadline = 3 * time.Second
	slack    = 2 * time.Second
)

// remote are the stores with a server that can be away.
var remote = []string{"postgres", "mysql", "redis", "scs"}

// TestOutages is promise P7: while the server refuses, hangs or is slow, answers are 503 with Retry-After, within the
// deadline, and nobody looks signed out; when it is back, so is the program, and everybody is still signed in.
func TestOutages(t *testing.T) {
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	before := runtime.NumGoroutine()
	t.Run("all", testOutages)
	// What an outage left hanging would outlive the programs.
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	servicetest.Until(t, "no more goroutines than before", func() bool { return runtime.NumGoroutine() <= before+2 })
}

func testOutages(t *testing.T) {
	for _, name := range remote {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := backings[name](t)
			proxy := servicetest.NewProxy(t, b.addr)
			p := start(t, b.args(proxy.Addr)...)
			uma, ada := p.loggedIn("user@example.com"), p.loggedIn("admin@example.com")

			for _, trouble := range []struct {
				name  string
				begin func()
			}{
				{"refusing", proxy.Refuse},
				{"hanging", proxy.Hang},
				{"slow", func() { proxy.Slow(2 * time.Second) }},
			} {
				cookies := fmt.Sprint(uma.cookies())
				trouble.begin()
				var wg sync.WaitGroup
				for range 5 {
					for _, request := range [][2]string{{"GET", "/api/auth/session"}, {"POST", "/api/visits"}, {"GET", "/api/auth/validate"}} {
						wg.Go(func() { away(t, trouble.name, uma, request[0], request[1], "") })
					}
				}
				wg.Go(func() {
					away(t, trouble.name, ada, "POST", "/api/auth/update-role", `{"userId":"3","newRole":"moderator"}`)
				})
				wg.Go(func() { away(t, trouble.name, uma, "POST", "/api/auth/update", `{"theme":"dark"}`) })
				wg.Go(func() { away(t, trouble.name, p.person(), "GET", "/healthz", "") })
				wg.Wait()
				if got := fmt.Sprint(uma.cookies()); got != cookies {
					t.Errorf("%s: the cookie is now %s", trouble.name, got)
				}
				proxy.Heal(t)
				back(t, trouble.name, uma, ada)
			}

			// Connections that are cut in the middle of everything cost at most what was under way.
			var wg sync.WaitGroup
			for i := range 4 {
				wg.Go(func() {
					for range 20 {
						a, err := uma.send([]string{"GET", "POST"}[i%2], []string{"/api/auth/session", "/api/visits"}[i%2], "")
						if err != nil || a.status != http.StatusOK && a.status != http.StatusServiceUnavailable {
							t.Errorf("cut: status %d: %s %v", a.status, a.raw, err)
						}
						if i == 0 {
							proxy.Cut()
						}
					}
				})
			}
			wg.Wait()
			back(t, "cut", uma, ada)

			if code := p.end(); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

// away expects the answer of a program whose server is away.
func away(t *testing.T, trouble string, u *person, method, path, body string) {
	begun := time.Now()
	a, err := u.send(method, path, body)
	took := time.Since(begun)
	switch {
	case err != nil || a.status != http.StatusServiceUnavailable:
		t.Errorf("%s: %s %s: status %d: %s %v", trouble, method, path, a.status, a.raw, err)
	case a.header.Get("Retry-After") == "":
		t.Errorf("%s: %s %s: no Retry-After", trouble, method, path)
	case a.header.Get("Set-Cookie") != "":
		t.Errorf("%s: %s %s: sets the cookie to %s", trouble, method, path, a.header.Get("Set-Cookie"))
	}
	if took > deadline+slack {
		t.Errorf("%s: %s %s: took %v", trouble, method, path, took)
	}
}

// back expects that everybody is served again within 2 seconds, and signed in as before.
func back(t *testing.T, trouble string, people ...*person) {
	t.Helper()
	healed := time.Now()
	for _, u := range people {
		servicetest.Until(t, trouble+": served again", func() bool {
			a, err := u.send("GET", "/api/auth/session", "")
			if err != nil || a.status != http.StatusOK && a.status != http.StatusServiceUnavailable {
				t.Fatalf("%s, healed: status %d: %s %v", trouble, a.status, a.raw, err)
			}
			return a.status == http.StatusOK
		})
	}
	if took := time.Since(healed); took > 2*time.Second {
		t.Errorf("%s: back after %v", trouble, took)
	}
	people[0].do("POST", "/api/visits", "", 200)
}

// TestUnreachable: a program that does not reach its store says so in one line, and ends with code 1 within a few
// seconds, whether the server refuses or hangs. No password is in the line.
func TestUnreachable(t *testing.T) {
	for name, dsn := range map[string]string{
		"postgres": "postgres://somebody:sekret@%s/test?sslmode=disable",
		"mysql":    "somebody:sekret@tcp(%s)/test",
		"redis":    "redis://:sekret@%s/0",
		"scs":      "postgres://somebody:sekret@%s/test",
	} {
		for _, hang := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, hanging %v", name, hang), func(t *testing.T) {
				t.Parallel()
				proxy := servicetest.NewProxy(t, "127.0.0.1:1")
				if hang {
					proxy = servicetest.NewProxy(t, silent(t))
				} else {
					proxy.Refuse()
				}
				var stdout, stderr bytes.Buffer
				begun := time.Now()
				code := run(t.Context(), []string{"-store", name, "-dsn", fmt.Sprintf(dsn, proxy.Addr), "-users", "memory"}, &stdout, &stderr)
				if took := time.Since(begun); code != 1 || took > dialTimeout+slack {
					t.Errorf("code %d after %v", code, took)
				}
				says := stderr.String()
				if strings.Count(says, "\n") != 1 || !strings.HasPrefix(says, "adminpanel: ") || !strings.Contains(says, proxy.Addr) || !strings.Contains(says, "-dsn") {
					t.Errorf("says %q", says)
				}
				if strings.Contains(says+stdout.String(), "sekret") {
					t.Errorf("says the password: %q", says)
				}
			})
		}
	}
}

// silent is the address of a server that takes connections and never says anything.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String() // the system completes connections that nobody accepts
}
