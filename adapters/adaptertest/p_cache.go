package adaptertest

import (
	"io"
	"net/http"
	"strings"
	"sync"
)

// sharedCache is a cache as RFC 9111 lets one be: it keeps a 200 to a GET that is not no-store, by URL and
// by the headers that Vary names, Set-Cookie included. It passes on the rest, with the Host that it was asked for.
type sharedCache struct {
	origin string
	next   *http.Transport
	mu     sync.Mutex
	kept   map[string][]*cached
}

type cached struct {
	vary   map[string]string
	status int
	header http.Header
	body   []byte
}

func (c *sharedCache) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, hit := range c.kept[r.URL.Path] {
		same := r.Method == "GET"
		for name, v := range hit.vary {
			same = same && r.Header.Get(name) == v
		}
		if same {
			rw.Header().Set("X-Cache", "hit")
			hit.write(rw)
			return
		}
	}
	answer, err := c.fetch(r)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadGateway)
		return
	}
	if r.Method == "GET" && answer.status == 200 && !strings.Contains(answer.header.Get("Cache-Control"), "no-store") {
		answer.vary = map[string]string{}
		for _, line := range answer.header["Vary"] {
			for _, name := range strings.Split(line, ",") {
				answer.vary[strings.TrimSpace(name)] = r.Header.Get(strings.TrimSpace(name))
			}
		}
		c.kept[r.URL.Path] = append(c.kept[r.URL.Path], answer)
	}
	answer.write(rw)
}

func (c *sharedCache) fetch(r *http.Request) (*cached, error) {
	out := r.Clone(r.Context())
	out.RequestURI, out.URL.Scheme, out.URL.Host = "", "http", strings.TrimPrefix(c.origin, "http://")
	resp, err := c.next.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return &cached{status: resp.StatusCode, header: resp.Header, body: body}, err
}

func (c *cached) write(rw http.ResponseWriter) {
	for k, v := range c.header {
		rw.Header()[k] = v
	}
	rw.WriteHeader(c.status)
	// A client that has gone needs no answer.
	_, _ = rw.Write(c.body)
}
