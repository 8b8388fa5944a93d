package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestFlags: what is unknown or not yet there ends with code 2 and one clear line.
func TestFlags(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"-adapter", "echo"}, 2, "unknown"},
		{[]string{"-store", "redis"}, 2, "not yet"},
		{[]string{"-store", "paper"}, 2, "unknown"},
		{[]string{"-colour"}, 2, "colour"},
		{[]string{"extra"}, 2, "extra"},
		{[]string{"-help"}, 0, "-store"},
		{[]string{"-users", "memory", "-store", "memory", "-addr", "256.256.256.256:1"}, 1, "adminpanel:"},
		{[]string{"-dsn", "/no/such/folder/x.db", "-addr", "127.0.0.1:0"}, 1, "adminpanel:"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), c.args, &stdout, &stderr); code != c.code {
			t.Errorf("%v: exit code %d, want %d; %s", c.args, code, c.code, &stderr)
		}
		if !strings.Contains(stderr.String(), c.says) {
			t.Errorf("%v: says %q, want %q in it", c.args, &stderr, c.says)
		}
		if strings.Contains(stderr.String(), "goroutine") {
			t.Errorf("%v: stack shown", c.args)
		}
	}
}

// program is the example, running.
type program struct {
	t    *testing.T
	base string
	out  *buffer
	stop context.CancelFunc
	code chan int
}

// buffer is a writer that can be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
	ch chan struct{}
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, err := b.b.Write(p)
	select {
	case b.ch <- struct{}{}:
	default:
	}
	return n, err
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

var addr = regexp.MustCompile(`open (http://[^\s]+)`)

// start runs the example on a free port and waits until it says where it listens.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	p := &program{t: t, out: &buffer{ch: make(chan struct{}, 1)}, stop: stop, code: make(chan int, 1)}
	errs := &buffer{ch: make(chan struct{}, 1)}
	go func() { p.code <- run(ctx, append([]string{"-addr", "127.0.0.1:0"}, args...), p.out, errs) }()
	t.Cleanup(stop)
	deadline := time.After(20 * time.Second)
	for p.base == "" {
		select {
		case <-p.out.ch:
			if m := addr.FindStringSubmatch(p.out.String()); m != nil {
				p.base = m[1]
			}
		case code := <-p.code:
			t.Fatalf("ended with %d: %s", code, errs)
		case <-deadline:
			t.Fatal("did not start")
		}
	}
	return p
}

// end asks it to stop, as Ctrl-C does, and returns the exit code.
func (p *program) end() int {
	p.stop()
	select {
	case code := <-p.code:
		return code
	case <-time.After(20 * time.Second):
		p.t.Fatal("did not stop")
		return -1
	}
}

type person struct {
	p      *program
	client *http.Client
}

func (p *program) person() *person {
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return &person{p, &http.Client{Jar: jar}}
}

func (p *program) loggedIn(email string) *person {
	p.t.Helper()
	u := p.person()
	u.do("POST", "/api/auth/login", `{"email":"`+email+`","password":"`+demoPassword()+`"}`, 200)
	return u
}

// do sends a request as a page of the application would, and returns the JSON of the answer.
func (u *person) do(method, path, body string, want int) map[string]any {
	u.p.t.Helper()
	r, err := http.NewRequest(method, u.p.base+path, strings.NewReader(body))
	if err != nil {
		u.p.t.Fatal(err)
	}
	r.Header.Set("Origin", u.p.base)
	r.Header.Set("Content-Type", "application/json")
	resp, err := u.client.Do(r)
	if err != nil {
		u.p.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		u.p.t.Fatalf("%s %s: status %d, want %d: %s %v", method, path, resp.StatusCode, want, raw, err)
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil && strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		u.p.t.Fatalf("%s %s: %v: %s", method, path, err, raw)
	}
	return m
}

func at(m map[string]any, path ...string) any {
	var v any = m
	for _, name := range path {
		inner, _ := v.(map[string]any)
		v = inner[name]
	}
	return v
}

// TestStory drives the example as the README tells it.
func TestStory(t *testing.T) {
	for name, args := range map[string][]string{
		"sqlite":                         {"-dsn", filepath.Join(t.TempDir(), "panel.db")},
		"memory, people in a file":       {"-store", "memory", "-users", filepath.Join(t.TempDir(), "people.db")},
		"memory alone":                   {"-store", "memory", "-users", "memory"},
		"sqlite, cookie for old clients": {"-dsn", filepath.Join(t.TempDir(), "old.db"), "-secure=false"},
		"gin, sqlite":                    {"-adapter", "gin", "-dsn", filepath.Join(t.TempDir(), "gin.db")},
		"gin, memory":                    {"-adapter", "gin", "-store", "memory", "-users", "memory"},
		"fiber, sqlite":                  {"-adapter", "fiber", "-dsn", filepath.Join(t.TempDir(), "fiber.db")},
		"fiber, memory":                  {"-adapter", "fiber", "-store", "memory", "-users", "memory", "-secure=false"},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, args...)
			if !strings.Contains(p.out.String(), "admin@example.com") {
				t.Errorf("does not say who can log in: %s", p.out)
			}
			p.person().do("GET", "/", "", 200)
			p.person().do("GET", "/healthz", "", 200)
			p.person().do("GET", "/api/users", "", 401)

			uma, ada := p.loggedIn("user@example.com"), p.loggedIn("admin@example.com")
			u, _ := url.Parse(p.base)
			if got := uma.client.Jar.Cookies(u)[0].Name; strings.HasPrefix(got, "__Host-") == slices.Contains(args, "-secure=false") {
				t.Errorf("cookie name %q", got)
			}
			if got := at(uma.do("POST", "/api/auth/update", `{"theme":"dark"}`, 200), "session", "data", "theme"); got != "dark" {
				t.Errorf("theme %v", got)
			}
			uma.do("POST", "/api/auth/profile", `{"name":"Uma Ursula","email":"uma@example.com"}`, 200)
			uma.do("POST", "/api/auth/profile", `{"name":"Uma","email":"admin@example.com"}`, 400)
			for i := range 3 {
				if got := uma.do("POST", "/api/visits", "", 200)["visits"]; got != float64(i+1) {
					t.Errorf("visits %v", got)
				}
			}
			uma.do("GET", "/api/users", "", 403)
			uma.do("GET", "/api/audit", "", 403)
			uma.do("POST", "/api/auth/update-role", `{"userId":"3","newRole":"admin"}`, 403)
			ada.do("POST", "/api/auth/update-role", `{"userId":"3","newRole":"admin"}`, 200)
			users, _ := uma.do("GET", "/api/users", "", 200)["users"].([]any)
			if len(users) != 3 {
				t.Errorf("users: %v", users)
			}
			ada.do("POST", "/api/auth/update-role", `{"userId":"3","newRole":"user"}`, 200)
			ada.do("POST", "/api/auth/update-role", `{"userId":"1","newRole":"user"}`, 403) // the last admin

			events, _ := ada.do("GET", "/api/audit?event=authz_change&outcome=success", "", 200)["events"].([]any)
			if len(events) != 2 {
				t.Fatalf("role changes in the record: %v", events)
			}
			first, _ := events[1].(map[string]any)
			if got := fmt.Sprintf("%v %v %v", first["actor"], first["target"], first["changes"]); got != "1 3 [map[field:role from:user to:admin]]" {
				t.Errorf("record says %s", got)
			}
			uma.do("POST", "/api/auth/logout", "", 200)
			uma.do("GET", "/api/auth/session", "", 401)
			if code := p.end(); code != 0 {
				t.Errorf("exit code %d after a graceful end", code)
			}
		})
	}
}

// TestSessionsSurviveRestart: the file holds all that a browser's cookie needs.
func TestSessionsSurviveRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "panel.db")
	p := start(t, "-dsn", file)
	uma := p.loggedIn("user@example.com")
	uma.do("POST", "/api/auth/update", `{"data":{"theme":"dark"}}`, 200)
	u, _ := url.Parse(p.base)
	cookies := uma.client.Jar.Cookies(u)
	if code := p.end(); code != 0 {
		t.Fatalf("exit code %d", code)
	}

	again := start(t, "-dsn", file)
	uma.p = again
	u, _ = url.Parse(again.base)
	for _, c := range cookies {
		c.Path, c.Secure = "/", true
	}
	uma.client.Jar.SetCookies(u, cookies)
	if got := at(uma.do("GET", "/api/auth/session", "", 200), "session", "data", "theme"); got != "dark" {
		t.Errorf("theme after the restart is %v", got)
	}
	again.end()
}

// TestDemoPassword: the environment chooses it, and it is not printed then.
func TestDemoPassword(t *testing.T) {
	t.Setenv("NGUARD_DEMO_PASSWORD", "chosen by somebody")
	p := start(t, "-store", "memory", "-users", "memory")
	if strings.Contains(p.out.String(), "chosen by somebody") {
		t.Error("the chosen password is printed")
	}
	p.person().do("POST", "/api/auth/login", `{"email":"user@example.com","password":"nguard-demo"}`, 401)
	p.loggedIn("user@example.com")
	p.end()
}

// TestUnknownAccountsLookAlike: an unknown account and a wrong password get one answer.
func TestUnknownAccountsLookAlike(t *testing.T) {
	p := start(t, "-store", "memory", "-users", "memory")
	unknown := p.person().do("POST", "/api/auth/login", `{"email":"nobody@example.com","password":"x"}`, 401)
	wrong := p.person().do("POST", "/api/auth/login", `{"email":"user@example.com","password":"x"}`, 401)
	if fmt.Sprint(unknown) != fmt.Sprint(wrong) {
		t.Errorf("unknown: %v, wrong: %v", unknown, wrong)
	}
	p.end()
}
