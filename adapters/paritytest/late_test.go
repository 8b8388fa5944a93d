package paritytest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nguard-go/nguard/adapters/adaptertest"
	"github.com/nguard-go/nguard/adapters/adaptertest/nethttptest"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// TestLateChange: net/http, and gin on it, stream while the handler runs, and do not tell it that the header
// is gone. A change after the first byte then stands without its cookie, and the browser keeps a token that
// still works (promise P5): its next request brings the successor. Where a framework does tell, the change
// is refused and nothing is new. In fiber a stream runs beside the handler, which must not be changed there.
func TestLateChange(t *testing.T) {
	for name, serve := range map[string]func(testing.TB, adaptertest.App) *adaptertest.Server{"nethttp": nethttptest.Serve, "gin": serveGin} {
		t.Run(name, func(t *testing.T) {
			var passed atomic.Int64
			g := guardtest.New(t, nguard.Config{
				Cookie: nguard.Cookie{Insecure: true}, Now: func() time.Time { return time.Now().Add(time.Duration(passed.Load())) },
			}, adaptertest.People()...)
			s := serve(t, adaptertest.App{Guard: g, Routes: []adaptertest.Route{{Method: "POST", Path: "/late", Handle: func(c adaptertest.Ctx) {
				c.Stream(func(w io.Writer, flush func() error) {
					fmt.Fprint(w, "data: one ")
					_ = flush()
					_, err := c.From().Refresh(c.Context())
					fmt.Fprint(w, err)
				})
			}}}})
			t.Cleanup(s.Close)
			jar, err := cookiejar.New(nil)
			if err != nil {
				t.Fatal(err)
			}
			client := &http.Client{Jar: jar}
			do := func(method, path, body string) (cookies int, text string) {
				t.Helper()
				r, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Origin", s.URL)
				resp, err := client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				raw, err := io.ReadAll(resp.Body)
				if err != nil || resp.StatusCode != 200 {
					t.Fatalf("%s %s: status %d, %v: %s", method, path, resp.StatusCode, err, raw)
				}
				return len(resp.Header["Set-Cookie"]), string(raw)
			}
			do("POST", "/api/auth/login", `{"id":"user","password":"`+guardtest.Password+`"}`)
			do("GET", "/api/auth/session", "")
			passed.Add(int64(time.Minute))
			cookies, text := do("POST", "/late", "")
			if cookies != 0 {
				t.Errorf("%d cookies came with a late change", cookies)
			}
			made := strings.HasSuffix(text, "<nil>")
			if name == "nethttp" && !made || !made && !strings.Contains(text, "too late") {
				t.Errorf("a late change says %q", text)
			}
			passed.Add(int64(time.Minute))
			if cookies, _ := do("GET", "/api/auth/session", ""); made != (cookies == 1) {
				t.Errorf("made: %v, and the next request got %d cookies", made, cookies)
			}
		})
	}
}
