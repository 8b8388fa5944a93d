package adaptertest

import (
	"net/http"
	"time"
)

// bare is a client that keeps no cookies: each request names its own. Up to n of its requests at once keep
// their connections.
func (w *world) bare(n int) *browser {
	transport := &http.Transport{MaxIdleConnsPerHost: n, MaxIdleConns: n}
	w.t.Cleanup(transport.CloseIdleConnections)
	return &browser{w: w, base: w.server.URL, client: &http.Client{Transport: transport, Timeout: time.Minute}}
}
