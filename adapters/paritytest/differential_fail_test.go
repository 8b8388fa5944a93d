package paritytest

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

// difChanged is a ResponseWriter that lets a test change an answer of a right adapter.
type difChanged struct {
	http.ResponseWriter
	head func(http.Header)
	body func([]byte) []byte
	code func(int) int
}

func (c *difChanged) WriteHeader(code int) {
	if c.head != nil {
		c.head(c.Header())
	}
	if c.code != nil {
		code = c.code(code)
	}
	c.ResponseWriter.WriteHeader(code)
}

func (c *difChanged) Write(b []byte) (int, error) {
	if c.body != nil {
		b = c.body(b)
	}
	return c.ResponseWriter.Write(b)
}

// TestDifferentialCanFail compares net/http with adapters that are wrong in one thing, and sees it reported.
func TestDifferentialCanFail(t *testing.T) {
	change := func(c difChanged) func(*difWorld, http.Handler) http.Handler {
		return func(_ *difWorld, next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c := c
				c.ResponseWriter = w
				next.ServeHTTP(&c, r)
			})
		}
	}
	after := func(fn func(w *difWorld)) func(*difWorld, http.Handler) http.Handler {
		return func(w *difWorld, next http.Handler) http.Handler {
			return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				fn(w)
				next.ServeHTTP(rw, r)
			})
		}
	}
	for _, c := range []struct {
		what  string
		wrong func(*difWorld, http.Handler) http.Handler
		want  []string
	}{
		{"nothing", func(_ *difWorld, next http.Handler) http.Handler { return next }, nil},
		{"a header's value", change(difChanged{head: func(h http.Header) { h.Set("Referrer-Policy", "origin") }}), []string{"Referrer-Policy"}},
		{"a header more", change(difChanged{head: func(h http.Header) { h.Set("X-Powered-By", "me") }}), []string{"X-Powered-By"}},
		{"a header less", change(difChanged{head: func(h http.Header) { h.Del("X-Content-Type-Options") }}), []string{"X-Content-Type-Options"}},
		{"a header's spelling", change(difChanged{head: func(h http.Header) { h["ETag"] = h["Etag"]; delete(h, "Etag") }}), []string{"ETag", "Etag"}},
		{"a line more of a header", change(difChanged{head: func(h http.Header) { h.Add("Vary", "Accept") }}), []string{"Vary"}},
		{"lines joined", change(difChanged{head: func(h http.Header) { h.Add("Set-Cookie", "a=1") }}), []string{"Set-Cookie"}},
		{"the status", change(difChanged{code: func(int) int { return 201 }}), []string{"status"}},
		{"the body", change(difChanged{head: func(h http.Header) { h.Del("Content-Length") }, body: bytes.TrimSpace}), []string{"body"}},
		{"the state", after(func(w *difWorld) {
			ctx := nguard.WithActor(context.Background(), "wrong")
			_ = w.guard.Revoke(ctx, "other", w.secret.value("{handle:other}")) // an error, the second time
		}), []string{"state"}},
		{"a record", after(func(w *difWorld) {
			_ = w.sink.Record(context.Background(), nguard.Event{Name: nguard.EventCrash, Method: "GET"})
		}), []string{"records"}},
		{"the log", after(func(w *difWorld) { _, _ = io.WriteString(w.log, "oh") }), []string{"log"}},
		{"a request seen twice", func(_ *difWorld, next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", "0")
				conn, _, _ := http.NewResponseController(w).Hijack()
				_, _ = io.WriteString(conn, strings.Repeat("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 2))
				_ = conn.Close()
			})
		}, []string{"Etag", "answers"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			e := difEntry{"session", difPlain, difGet("/api/auth/session", asUser), difNext}
			wrong := difFramework{"wrong", func(t testing.TB, w *difWorld, v difVariant, l net.Listener) func() {
				return difServe(t, c.wrong(w, difNetHTTPApp(w.guard, v)), l)
			}}
			parts, report := difCompare(difRun(t, difNetHTTP, e), difRun(t, wrong, e))
			for _, part := range c.want {
				if !slices.Contains(parts, part) {
					t.Errorf("not seen: %s differs; seen was %v\n%s", part, parts, report)
				}
			}
			if len(c.want) == 0 && len(parts) > 0 {
				t.Errorf("the same differs from itself in %v\n%s", parts, report)
			}
		})
	}
}

// TestDifferentialListCanFail keeps the list from hiding what it should show.
func TestDifferentialListCanFail(t *testing.T) {
	reply := func(status int, header ...string) difResult {
		return difResult{replies: []difReply{{status: status, header: header}}}
	}
	seen := "Vary: Cookie"
	changed := reply(403, seen)
	changed.changed = true
	e := difEntry{name: "x"}
	same := func(difFramework, difEntry) difResult { return reply(200, seen) }
	row := func(fiber, in, like string) []difDifference {
		return []difDifference{{[]string{"x"}, "403", "403", fiber, in, like, "why"}}
	}
	for _, c := range []struct {
		what string
		list []difDifference
		seen difResults
		want string
	}{
		{"no difference, none listed", nil, difResults{reply(200), reply(200), reply(200)}, ""},
		{"a difference, none listed", nil, difResults{reply(403), reply(403), reply(400)}, "fiber answers something else"},
		{"a difference, listed", row("400", "fiber: status", ""), difResults{reply(403), reply(403), reply(400)}, ""},
		{"a stale row", row("400", "fiber: status", ""), difResults{reply(403), reply(403), reply(403)}, "take it out"},
		{"another difference than listed", row("400", "fiber: status", ""), difResults{reply(403), reply(403), reply(401)}, "and is"},
		{"another part than listed", row("400", "fiber: status, body", ""), difResults{reply(403), reply(403), reply(400)}, "and is"},
		{"taken where others refuse", row("200", "fiber: status", ""), difResults{reply(403, seen), reply(403, seen), reply(200, seen)}, "no plain request is named"},
		{"taken as a plain request", row("200", "fiber: status", "session"), difResults{reply(403, seen), reply(403, seen), reply(200, seen)}, ""},
		{"taken for more than a plain request", row("200", "fiber: status, Set-Cookie", "session"), difResults{reply(403, seen), reply(403, seen), reply(200, seen, "Set-Cookie: a=b")}, "otherwise than"},
		{"refused with an effect", row("400", "gin: Vary; fiber: status, Vary", ""), difResults{changed, reply(403), reply(400)}, "something has changed"},
	} {
		got := strings.Join(difCheck(c.list, e, c.seen, same), "\n")
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: reported is %q, want %q", c.what, got, c.want)
		}
	}
}
