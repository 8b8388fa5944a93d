package adaptertest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// bodySizes are the rules E6, E8 and E9 of the checklist: how much of a body is read, and for how long.
var bodySizes = []rule{
	{"E6 bodies over the limit", "A body of more than 10 KiB is refused, however its length is told, and read no further.", bodyOverLimit},
	{"E6 false lengths", "A body that ends before or after its length changes nothing.", bodyFalseLength},
	{"E8 compressed bodies", "A compressed body is not unpacked.", bodyCompressed},
	{"E9 a body that trickles", "A body that trickles is cut off at the limits of the server, and holds up nobody.", bodyTrickle},
}

func bodyOverLimit(t *testing.T, k *kit) {
	w, b := k.bodies(t)
	me := w.by(b.token())
	pad := func(n int) string { return `{"language":"de"` + strings.Repeat(" ", n-17) + "}" }
	b.post("/api/auth/update", pad(10<<10)).expect(200)
	for _, e := range readers {
		b.post("/api/auth/"+e.path, pad(10<<10+1)).expect(413)
		b.post("/api/auth/"+e.path, strings.Repeat("x", 1<<20)).expect(413)
		// without a length
		chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", 10<<10+1, pad(10<<10+1))
		w.sends(strings.TrimSuffix(w.written("POST", "/api/auth/"+e.path, "", sameOrigin, asJSON, me, "Transfer-Encoding: chunked"), "\r\n") + "\r\n" + chunked).expect(413)
		// a length that promises more than comes: the answer does not wait for it
		w.sends(w.written("POST", "/api/auth/"+e.path, "", sameOrigin, asJSON, me, "Content-Length: 1073741824")).expect(413)
		// nor does a client that asks before sending get to send, unless the framework tells it to by itself
		asking := []string{sameOrigin, asJSON, "Content-Length: 1073741824", "Expect: 100-continue"}
		c := dialWire(t, w.addr())
		r := c.ask(w.written("POST", "/api/auth/"+e.path, "", append(asking, me)...))
		if r.status == 100 && w.sends(w.written("POST", "/public", "", asking...)).status == 100 {
			r = c.read("POST")
		}
		r.expect(413)
	}
	// Reading stops at the limit: a body without end is answered while it is still being sent.
	c := dialWire(t, w.addr())
	go func() {
		_, err := io.WriteString(c.conn, w.written("POST", "/api/auth/update", "", sameOrigin, asJSON, me, "Transfer-Encoding: chunked"))
		for i := 0; err == nil && i < 1<<20; i++ {
			_, err = io.WriteString(c.conn, "400\r\n"+strings.Repeat(" ", 1<<10)+"\r\n")
		}
	}()
	c.read("POST").expect(413)
	if !closedWithin(c.conn, 5*time.Second) {
		t.Error("an endless body is read on")
	}
	w.untouched(b, "too large")
}

func bodyFalseLength(t *testing.T, k *kit) {
	w, b := k.bodies(t)
	me := w.by(b.token())
	// shorter than the body: what is cut is no JSON
	w.sends(w.written("POST", "/api/auth/update", "", sameOrigin, asJSON, me, "Content-Length: 9", "Connection: close") + `{"theme":"dark"}`).expect(400)
	// longer, and the client gives up
	c := dialWire(t, w.addr())
	if _, err := io.WriteString(c.conn, w.written("POST", "/api/auth/update", "", sameOrigin, asJSON, me, "Content-Length: 40")+`{"theme":"dark"}`); err != nil {
		t.Fatal(err)
	}
	if err := c.conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if r, err := c.tryRead("POST"); err == nil && r.status != 400 {
		t.Errorf("a body cut short: status %d", r.status)
	}
	// chunks cut short, chunks that are none
	for _, body := range []string{"10\r\n{\"theme\":\"dark\"}", "zz\r\n{\"theme\":\"dark\"}\r\n0\r\n\r\n", "-1\r\nx\r\n0\r\n\r\n", "ffffffffffffffffff\r\nx"} {
		c := dialWire(t, w.addr())
		_, _ = io.WriteString(c.conn, w.written("POST", "/api/auth/update", "", sameOrigin, asJSON, me, "Transfer-Encoding: chunked")+body)
		_ = c.conn.(*net.TCPConn).CloseWrite()
		if r, err := c.tryRead("POST"); err == nil && r.status != 400 {
			t.Errorf("chunks %q: status %d", body, r.status)
		}
	}
	w.untouched(b, "false length")
}

func bodyCompressed(t *testing.T, k *kit) {
	_, b := k.bodies(t)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for _, coding := range []string{"gzip", "deflate", "br", "zstd", "compress", "x-gzip", "gzip, br", "identity", "GZIP", "unknown"} {
		b.refuses(t, 415, coding, func(good string) string { return fmt.Sprintf(good, "") }, "Content-Encoding: "+coding)
	}
	b.refuses(t, 413, "a bomb", always(zipped.String()+strings.Repeat(" ", 10<<10)))
	b.refuses(t, 415, "a bomb that says so", always(zipped.String()), "Content-Encoding: gzip")
	b.refuses(t, 400, "a bomb that does not say so", always(zipped.String()[:1000]))
}

// The time a body may take is the server's to bound: nguard never wraps it. An application sets the limit
// of its server, as the package documentation of the adapter says.
func bodyTrickle(t *testing.T, k *kit) {
	w, b := k.bodies(t)
	app := w.app()
	app.ReadTimeout = 300 * time.Millisecond
	addr, me := strings.TrimPrefix(w.serve(app).URL, "http://"), w.by(b.token())
	stop := make(chan struct{})
	defer close(stop)
	var slow []*wire
	for range 20 {
		c := dialWire(t, addr)
		slow = append(slow, c)
		if _, err := io.WriteString(c.conn, w.written("POST", "/api/auth/update", "", sameOrigin, asJSON, me, "Content-Length: 1000")); err != nil {
			t.Fatal(err)
		}
		go func() {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for _, char := range `{"theme":"dark"` + strings.Repeat(" ", 984) + "}" {
				select {
				case <-stop:
					return
				case <-tick.C:
				}
				if _, err := io.WriteString(c.conn, string(char)); err != nil {
					return
				}
			}
		}()
	}
	dialWire(t, addr).ask(w.written("GET", "/who", "", me)).expect(200)
	for _, c := range slow {
		// A framework that reads bodies before handlers run says so with a status of its own.
		if r, err := c.tryRead("POST"); err == nil && r.status != 408 && (r.status != 400 || r.header.Get("Content-Type") != "application/json") {
			t.Errorf("a body that trickles: %s%s", r.head, r.body)
		}
		if !closedWithin(c.conn, 5*time.Second) {
			t.Error("a body that trickles keeps its connection")
		}
	}
	w.untouched(b, "trickle")
}
