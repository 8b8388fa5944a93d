package httpguard_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"testing"

	"github.com/nguard-go/nguard/adapters/internal/browsertest"
)

// TestP09_Writer_Identical: the http.ResponseWriter that handlers get is the server's own value, with all
// that it can do, over HTTP/1 and HTTP/2.
func TestP09_Writer_Identical(t *testing.T) {
	g := browsertest.NewGuard(t)
	for _, version := range []int{1, 2} {
		t.Run(fmt.Sprint("HTTP/", version), func(t *testing.T) {
			var outer, inner http.ResponseWriter
			inside := wrapped(g, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				inner = w
				_, flusher := w.(http.Flusher)
				_, hijacker := w.(http.Hijacker)
				_, pusher := w.(http.Pusher)
				_, reader := w.(io.ReaderFrom)
				_, text := w.(io.StringWriter)
				fmt.Fprint(w, visit(t, r), r.ProtoMajor, flusher, hijacker, pusher, reader, text)
			}))
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				outer = w
				inside.ServeHTTP(w, r)
			}))
			s.EnableHTTP2 = version == 2
			s.StartTLS()
			defer s.Close()
			c := browsertest.NewClient(t, s.URL, s.Client()).SignIn(g, "bob")
			a := c.Do("POST", "/", "").Expect(200)
			want := map[int]string{1: "bob1 true true false true true", 2: "bob2 true false true false true"}[version]
			if a.Body != want || a.Header.Get("Set-Cookie") == "" {
				t.Errorf("%q, want %q; cookie %q", a.Body, want, a.Header.Get("Set-Cookie"))
			}
			if outer != inner || reflect.TypeOf(outer) != reflect.TypeOf(inner) {
				t.Errorf("the handler got a %T, the server gave a %T", inner, outer)
			}
		})
	}
}

// TestP09_Sendfile: io.Copy from a file goes to the writer's own ReadFrom, where net/http uses sendfile;
// large files, ranges and conditional requests work, with a cookie set before.
func TestP09_Sendfile(t *testing.T) {
	const size = 8 << 20
	path, content := browsertest.File(t, size)
	g := browsertest.NewGuard(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/copy", func(w http.ResponseWriter, r *http.Request) {
		visit(t, r)
		f, err := os.Open(path)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		w.Header().Set("Content-Length", fmt.Sprint(size))
		if n, err := w.(io.ReaderFrom).ReadFrom(f); n != size || err != nil {
			t.Errorf("ReadFrom: %d, %v", n, err)
		}
	})
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) })
	c := browsertest.Serve(t, wrapped(g, mux)).SignIn(g, "bob")
	fetch := func(method, path string, headers ...string) (*http.Response, [32]byte, int64) {
		resp, err := c.HTTP.Do(c.Request(method, path, "", headers...))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		h := sha256.New()
		n, err := io.Copy(h, resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, [32]byte(h.Sum(nil)), n
	}
	if resp, sum, n := fetch("POST", "/copy"); n != size || sum != sha256.Sum256(content) || resp.ContentLength != size || resp.Header.Get("Set-Cookie") == "" {
		t.Errorf("copy: %d bytes, length %d, cookie %q", n, resp.ContentLength, resp.Header.Get("Set-Cookie"))
	}
	if resp, sum, n := fetch("GET", "/file"); n != size || sum != sha256.Sum256(content) || resp.Header.Get("Accept-Ranges") != "bytes" {
		t.Errorf("file: %d bytes, %v", n, resp.Header)
	}
	if resp, sum, n := fetch("GET", "/file", "Range: bytes=1000-1999"); resp.StatusCode != 206 || n != 1000 || sum != sha256.Sum256(content[1000:2000]) {
		t.Errorf("range: %d, %d bytes", resp.StatusCode, n)
	}
	resp, _, _ := fetch("HEAD", "/file")
	if resp.ContentLength != size {
		t.Errorf("HEAD: length %d", resp.ContentLength)
	}
	if resp, _, n := fetch("GET", "/file", "If-Modified-Since: "+resp.Header.Get("Last-Modified")); resp.StatusCode != 304 || n != 0 {
		t.Errorf("conditional: %d, %d bytes", resp.StatusCode, n)
	}
}

// TestP09_Push: http.Pusher of HTTP/2 is reached; that this client does not want pushes is net/http's own
// answer.
func TestP09_Push(t *testing.T) {
	g := browsertest.NewGuard(t)
	s := httptest.NewUnstartedServer(wrapped(g, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p, ok := w.(http.Pusher)
		if !ok {
			t.Errorf("a %T is no Pusher", w)
			return
		}
		fmt.Fprint(w, p.Push("/style.css", nil))
	})))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	if got := browsertest.NewClient(t, s.URL, s.Client()).SignIn(g, "bob").Get("/").Expect(200).Body; got != http.ErrNotSupported.Error() {
		t.Errorf("Push says %q", got)
	}
}
