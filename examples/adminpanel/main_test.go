package main

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestFlags: what is unknown ends with code 2, and what cannot be opened with code 1, each with a clear line.
func TestFlags(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"-adapter", "echo"}, 2, "unknown"},
		{[]string{"-store", "paper"}, 2, "unknown"},
		{[]string{"-colour"}, 2, "colour"},
		{[]string{"extra"}, 2, "extra"},
		{[]string{"-help"}, 0, "-store"},
		{[]string{"-help"}, 0, "redis: a Redis address; default redis://127.0.0.1:6379/0"},
		{[]string{"-store", "postgres", "-dsn", "postgres://u:sekret@h:port/x"}, 1, "no address"},
		{[]string{"-store", "mysql", "-dsn", "u:sekret@tcp(h"}, 1, "no address"},
		{[]string{"-store", "redis", "-dsn", "u:sekret@h"}, 1, "no address"},
		{[]string{"-users", "memory", "-store", "memory", "-addr", "256.256.256.256:1"}, 1, "adminpanel:"},
		{[]string{"-dsn", "/no/such/folder/x.db", "-addr", "127.0.0.1:0"}, 1, "adminpanel:"},
		// -store is forgotten, or another one than the address is for.
		{[]string{"-dsn", "postgres://u:sekret@h/x", "-addr", "127.0.0.1:0"}, 1, "where a file is expected"},
		{[]string{"-store", "sqlite", "-dsn", "u:sekret@tcp(h:1)/x", "-addr", "127.0.0.1:0"}, 1, "where a file is expected"},
		{[]string{"-store", "cookie", "-users", "memory", "-dsn", "redis://u:sekret@h", "-addr", "127.0.0.1:0"}, 1, "where a file is expected"},
		{[]string{"-dsn", "host=h user=u password=sekret", "-addr", "127.0.0.1:0"}, 1, "where a file is expected"},
		{[]string{"-store", "memory", "-users", "mysql://u:sekret@h/x", "-addr", "127.0.0.1:0"}, 1, "where a file is expected"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), c.args, &stdout, &stderr); code != c.code {
			t.Errorf("%v: exit code %d, want %d; %s", c.args, code, c.code, &stderr)
		}
		if !strings.Contains(stderr.String(), c.says) {
			t.Errorf("%v: says %q, want %q in it", c.args, &stderr, c.says)
		}
		for _, never := range []string{"goroutine", "sekret"} {
			if strings.Contains(stderr.String(), never) {
				t.Errorf("%v: says %q", c.args, &stderr)
			}
		}
	}
}

// TestStory drives the example as the README tells it.
func TestStory(t *testing.T) {
	for name, args := range map[string][]string{
		"sqlite":                         {"-dsn", filepath.Join(t.TempDir(), "panel.db")},
		"cookie":                         nil, // the arguments of these are made below, or the test is skipped
		"postgres":                       nil,
		"mysql":                          nil,
		"redis":                          nil,
		"scs":                            nil,
		"memory, people in a file":       {"-store", "memory", "-users", filepath.Join(t.TempDir(), "people.db")},
		"memory alone":                   {"-store", "memory", "-users", "memory"},
		"sqlite, cookie for old clients": {"-dsn", filepath.Join(t.TempDir(), "old.db"), "-secure=false"},
		"gin, sqlite":                    {"-adapter", "gin", "-dsn", filepath.Join(t.TempDir(), "gin.db")},
		"gin, memory":                    {"-adapter", "gin", "-store", "memory", "-users", "memory"},
		"fiber, sqlite":                  {"-adapter", "fiber", "-dsn", filepath.Join(t.TempDir(), "fiber.db")},
		"fiber, memory":                  {"-adapter", "fiber", "-store", "memory", "-users", "memory", "-secure=false"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if args == nil {
				args = backings[name](t).args("")
			}
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

// TestSessionsSurviveRestart: what is stored holds all that a browser's cookie needs.
func TestSessionsSurviveRestart(t *testing.T) {
	for name, backing := range backings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := backing(t).args("")
			p := start(t, args...)
			uma := p.loggedIn("user@example.com")
			uma.do("POST", "/api/auth/update", `{"data":{"theme":"dark"}}`, 200)
			if code := p.end(); code != 0 {
				t.Fatalf("exit code %d", code)
			}
			again := start(t, args...)
			if got := at(uma.with(again).do("GET", "/api/auth/session", "", 200), "session", "data", "theme"); got != "dark" {
				t.Errorf("theme after the restart is %v", got)
			}
			again.end()
		})
	}
}

// TestCookieKey: the key is kept where only its owner reads it, two that start at once use the same one, and what
// is no key is not taken for one.
func TestCookieKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "panel.db")
	o := options{users: file}
	keys := make([][]byte, 8)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			var err error
			if keys[i], err = cookieKey(o); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, k := range keys {
		if len(k) != keyLength || !bytes.Equal(k, keys[0]) {
			t.Fatalf("keys differ: %d bytes", len(k))
		}
	}
	info, err := os.Stat(file + ".key")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".key-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := os.WriteFile(file+".key", []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := cookieKey(o); err == nil || !strings.Contains(err.Error(), "no key") {
		t.Errorf("a file without a key: %v", err)
	}
	// A link to nowhere is there when a file is made, and not when it is read.
	o.dsn = filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Join(t.TempDir(), "nowhere"), o.dsn); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		_, err := cookieKey(o)
		failed <- err
	}()
	select {
	case err := <-failed:
		if err == nil {
			t.Error("a link to nowhere gave a key")
		}
	case <-time.After(5 * time.Second):
		t.Error("a link to nowhere is tried for ever")
	}
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
