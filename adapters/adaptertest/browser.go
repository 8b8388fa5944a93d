package adaptertest

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"github.com/nguard-go/nguard/core/guardtest"
)

// browser is one client with its own cookie jar.
type browser struct {
	w      *world
	base   string
	client *http.Client
}

func (w *world) browser() *browser { return w.browserAt(w.server.URL) }

func (w *world) browserAt(base string) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	w.t.Cleanup(transport.CloseIdleConnections)
	return &browser{w: w, base: base, client: &http.Client{Jar: jar, Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// on is the same browser on another server.
func (b *browser) on(base string) *browser { return &browser{w: b.w, base: base, client: b.client} }

// loggedIn is a browser in which the person has logged in.
func (w *world) loggedIn(userID string) *browser {
	w.t.Helper()
	b := w.browser()
	b.login(userID)
	return b
}

// settled is a browser whose bookkeeping is done, so that a request of it writes what it is for.
func (w *world) settled(userID string) *browser {
	w.t.Helper()
	b := w.loggedIn(userID)
	b.get("/api/auth/session").expect(200)
	return b
}

func (b *browser) login(userID string) answer {
	b.w.t.Helper()
	return b.post("/api/auth/login", `{"id":"`+userID+`","password":"`+guardtest.Password+`"}`).expect(200)
}

// token is the session cookie that the browser holds, or "".
func (b *browser) token() string {
	u, _ := url.Parse(b.base)
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == b.w.guard.CookieName() {
			return c.Value
		}
	}
	return ""
}

// hold puts a token into the browser, as a thief would.
func (b *browser) hold(token string) *browser {
	u, _ := url.Parse(b.base)
	b.client.Jar.SetCookies(u, []*http.Cookie{{Name: b.w.guard.CookieName(), Value: token, Path: "/", Secure: true}})
	return b
}

// copyOf is another browser with the same token.
func (b *browser) copyOf() *browser { return b.w.browserAt(b.base).hold(b.token()) }

func (b *browser) get(path string) answer        { b.w.t.Helper(); return b.do("GET", path, "") }
func (b *browser) post(path, body string) answer { b.w.t.Helper(); return b.do("POST", path, body) }

// do sends a request as the application's own page would. Header lines are "Name: value"; an empty value
// removes the header.
func (b *browser) do(method, path, body string, headers ...string) answer {
	b.w.t.Helper()
	a, err := b.try(method, path, body, headers...)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return a
}

func (b *browser) try(method, path, body string, headers ...string) (answer, error) {
	return b.tryIn(context.Background(), method, path, body, headers...)
}

// tryIn is try by a client that leaves when ctx ends.
func (b *browser) tryIn(ctx context.Context, method, path, body string, headers ...string) (answer, error) {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, b.base+path, reader)
	if err != nil {
		return answer{}, err
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if method != "GET" && method != "HEAD" {
		r.Header.Set("Origin", b.base)
	}
	seen := map[string]bool{}
	for _, h := range headers {
		key, value, _ := strings.Cut(h, ": ")
		if key = http.CanonicalHeaderKey(strings.TrimSuffix(key, ":")); !seen[key] {
			r.Header.Del(key)
			seen[key] = true
		}
		if value != "" {
			r.Header.Add(key, value)
		}
	}
	resp, err := b.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return answer{t: b.w.t, what: method + " " + path, status: resp.StatusCode, header: resp.Header, raw: raw}, err
}
