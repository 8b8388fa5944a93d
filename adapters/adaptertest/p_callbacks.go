package adaptertest

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// callbacks are the rules P9 and P10 of the checklist: faults of the application, and when an answer has begun.
var callbacks = []rule{
	{"checklist P9 faults in callbacks", "A fault in a callback denies, the answer shows nothing of it, and the process lives.", callbackFaults},
	{"checklist P10 the first byte", "The cookie goes before the first byte of the body, and a request ends with its handler.", callbackCookie},
}

// panicking is a policy with a fault.
type panicking struct{}

func (panicking) Decide(context.Context, nguard.Access) nguard.Decision { panic("policy fault") }

func callbackFaults(t *testing.T, k *kit) {
	boom := func() { panic("callback fault canary") }
	var armed bool // set between requests only
	field := &nguard.Field[string]{Name: "risky", Write: panicking{}}
	checked := &nguard.Field[string]{Name: "checked", Check: func(string) error { boom(); return nil }, Write: theme.Write}
	for _, c := range []struct {
		name   string
		config func(*nguard.Config)
		method string
		path   string
		body   string
		want   int
	}{
		{"write policy", func(c *nguard.Config) { c.Fields = append(c.Fields, field) }, "POST", "/api/auth/update", `{"risky":"x","theme":"dark"}`, 503},
		{"field check", func(c *nguard.Config) { c.Fields = append(c.Fields, checked) }, "POST", "/api/auth/update", `{"checked":"x","theme":"dark"}`, 500},
		{"BeforeUpdate", func(c *nguard.Config) {
			c.Hooks.BeforeUpdate = func(context.Context, nguard.Update) error { boom(); return nil }
		}, "POST", "/api/auth/update", `{"theme":"dark"}`, 500},
		{"BeforeUpdate error", func(c *nguard.Config) {
			c.Hooks.BeforeUpdate = func(context.Context, nguard.Update) error { return fmt.Errorf("hook canary") }
		}, "POST", "/api/auth/update", `{"theme":"dark"}`, 403},
		{"Validate", func(c *nguard.Config) {
			c.Hooks.Validate = func(context.Context, *nguard.Session) error {
				if armed {
					boom()
				}
				return nil
			}
		}, "GET", "/api/auth/session", "", 503},
		{"OnLoad", func(c *nguard.Config) {
			c.Hooks.OnLoad = func(context.Context, *nguard.Session) (map[string]any, error) {
				if armed {
					boom()
				}
				return nil, nil
			}
		}, "GET", "/api/auth/session", "", 503},
		{"OnLoad with what JSON cannot say", func(c *nguard.Config) {
			c.Hooks.OnLoad = func(context.Context, *nguard.Session) (map[string]any, error) {
				if armed {
					return map[string]any{"canary": func() {}}, nil
				}
				return nil, nil
			}
		}, "GET", "/api/auth/session", "", 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			armed = false
			w := k.newWorld(t, func(config *nguard.Config) { config.Fields = fields(); c.config(config) })
			b := w.loggedIn("user")
			armed = true
			a := b.do(c.method, c.path, c.body).expect(c.want)
			if strings.Contains(a.text(), "canary") || strings.Contains(a.text(), "goroutine") {
				t.Errorf("the answer shows the inside: %s", a.text())
			}
			if c.want == 503 || c.name == "BeforeUpdate" || c.name == "field check" {
				w.awaitEvent(map[bool]string{true: nguard.EventAuthzFail, false: nguard.EventCrash}[c.name == "write policy"], map[bool]nguard.Outcome{true: nguard.Denied, false: nguard.Failure}[c.name == "write policy"])
			}
			armed = false
			if strings.HasPrefix(c.name, "BeforeUpdate") {
				return // it refuses for good; the session was not ended by it:
			}
			if got := b.get("/api/auth/session").expect(200).at("session", "data", "theme"); got != "light" {
				t.Errorf("theme is %v after a refused update", got)
			}
		})
	}
	t.Run("AfterAuthenticate", func(t *testing.T) {
		w := k.newWorld(t, func(c *nguard.Config) {
			c.Hooks.AfterAuthenticate = func(context.Context, nguard.User) error { boom(); return nil }
		})
		b := w.browser()
		if a := b.post("/api/auth/login", `{"id":"user","password":"`+guardtest.Password+`"}`); a.status < 500 || b.token() != "" {
			t.Errorf("status %d, token %q", a.status, b.token())
		}
		w.awaitEvent(nguard.EventCrash, nguard.Failure)
	})
	t.Run("after the fact", func(t *testing.T) {
		w := k.newWorld(t, func(c *nguard.Config) {
			c.Hooks.AfterUpdate = func(context.Context, nguard.Update) { boom() }
			c.Hooks.OnLogout = func(context.Context, *nguard.Session) { boom() }
		})
		b := w.loggedIn("user")
		b.post("/api/auth/update", `{"theme":"dark"}`).expect(200)
		thief := b.copyOf()
		b.post("/api/auth/logout", "").expect(200)
		thief.get("/who").expect(401)
	})
	t.Run("roles that nobody knows", func(t *testing.T) {
		for _, role := range []string{"", "ghost", "Admin", "admin ", "*"} {
			b := k.open(t)
			b.put(nguard.User{ID: "ghost", Email: "ghost@example.com", Role: role, Permissions: []string{"", "nothing:known"}})
			w := newWorld(t, b)
			ghost := w.loggedIn("ghost")
			ghost.get("/admin").expect(403)
			ghost.post("/api/auth/update-role", `{"userId":"ghost","newRole":"admin"}`).expect(403)
		}
	})
	t.Run("no policy", func(t *testing.T) {
		w := k.newWorld(t)
		var status error // written before the answer
		base := w.pages(Route{Method: "GET", Path: "/", Handle: func(c Ctx) { status = c.From().Authorize(c.Context(), nil, nil) }})
		w.browserAt(base).hold(w.loggedIn("admin").token()).get("/")
		if nguard.Status(status).Status != 403 {
			t.Errorf("a nil policy decided %v", status)
		}
		defer func() {
			if recover() == nil {
				t.Error("Require(nil) was accepted")
			}
		}()
		w.pages(Route{Method: "GET", Path: "/", Require: []nguard.Policy{nil}, Handle: func(Ctx) {}})
	})
}

// A change after the first byte is tested in paritytest: frameworks whose streams run beside the handler, such
// as fiber, have no place for one.
func callbackCookie(t *testing.T, k *kit) {
	w := k.newWorld(t)
	var kept *nguard.Request // written before the answer
	base := w.pages(
		Route{Method: "POST", Path: "/early", Handle: func(c Ctx) {
			_, err := c.From().Refresh(c.Context())
			if err != nil {
				c.Fail(err)
				return
			}
			c.Stream(func(w io.Writer, flush func() error) {
				fmt.Fprint(w, "data: one\n\n")
				if err := flush(); err != nil {
					t.Errorf("Flush: %v", err)
				}
				fmt.Fprint(w, "data: two\n\n")
			})
		}},
		Route{Method: "POST", Path: "/keep", Handle: func(c Ctx) { kept = c.From() }},
	)
	b := w.browserAt(base)
	b.login("user")
	first := b.token()
	w.clock.Advance(time.Minute)
	a := b.post("/early", "").expect(200)
	if len(a.header["Set-Cookie"]) != 1 || w.sameToken(b.token(), first) {
		t.Errorf("a stream after a refresh came with Set-Cookie %q", a.header["Set-Cookie"])
	}
	if a.text() != "data: one\n\ndata: two" {
		t.Errorf("the stream is %q", a.text())
	}
	b.get("/api/auth/session").expect(200)
	b.post("/keep", "").expect(200)
	_, updateErr := kept.Update(context.Background(), func(*nguard.Draft) error { return nil })
	_, sessionErr := kept.Session()
	for what, err := range map[string]error{"Session": sessionErr, "Update": updateErr, "Logout": kept.Logout(context.Background())} {
		if err == nil || !strings.Contains(err.Error(), "too late") {
			t.Errorf("%s after the handler has returned: %v", what, err)
		}
	}
}
