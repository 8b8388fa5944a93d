package adaptertest

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// live is an open stream of events in the hands of a case.
type live struct {
	t      testing.TB
	header http.Header
	leave  func()
	news   chan streamed // closed when the stream has ended
}

// streamed is an event, or a comment, which has no name.
type streamed struct {
	name string
	data map[string]string
	text string
}

// listens opens a stream as a browser's EventSource does, and reads its first event.
func (b *browser) listens() (s *live, version string) {
	b.w.t.Helper()
	s = b.opens("/api/auth/events")
	return s, s.updated()
}

// opens opens a stream at a path, which must succeed.
func (b *browser) opens(path string) *live {
	b.w.t.Helper()
	ctx, leave := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, "GET", b.base+path, nil)
	if err != nil {
		b.w.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	resp, err := b.client.Do(r)
	if err != nil {
		leave()
		b.w.t.Fatal(err)
	}
	s := &live{t: b.w.t, header: resp.Header, news: make(chan streamed, 1000)}
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer resp.Body.Close()
		s.read(ctx, bufio.NewReader(resp.Body))
	}()
	s.leave = sync.OnceFunc(func() {
		leave()
		<-over
	})
	b.w.t.Cleanup(s.leave)
	if resp.StatusCode != 200 {
		b.w.t.Fatalf("GET %s: status %d", path, resp.StatusCode)
	}
	return s
}

// read hands on what arrives until the stream ends.
func (s *live) read(ctx context.Context, in *bufio.Reader) {
	defer close(s.news)
	e := streamed{}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		e.text += line
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "event":
			e.name = value
		case "data":
			if err := json.Unmarshal([]byte(value), &e.data); err != nil {
				s.t.Errorf("event with the data %q", value)
			}
		case "":
			if value == "" { // the empty line
				select {
				case s.news <- e:
				case <-ctx.Done(): // nobody reads any more
				}
				e = streamed{}
			}
		}
	}
}

// next is the next event, heartbeats and the line about coming back left out; ok is false when the stream has
// ended. What takes longer than d fails.
func (s *live) next(d time.Duration) (e streamed, ok bool) {
	s.t.Helper()
	late := time.After(d)
	for {
		select {
		case e, ok = <-s.news:
			if !ok || e.name != "" {
				return e, ok
			}
		case <-late:
			s.t.Fatalf("no event within %v", d)
		}
	}
}

// updated is the version that the next event tells of.
func (s *live) updated() string {
	s.t.Helper()
	e, ok := s.next(10 * time.Second)
	if !ok || e.name != "session.updated" || len(e.data) != 1 || e.data["version"] == "" {
		s.t.Fatalf("got %q %v, want session.updated with a version", e.name, e.data)
	}
	return e.data["version"]
}

// knows reads events until one tells of this version.
func (s *live) knows(version string) {
	s.t.Helper()
	for s.updated() != version {
	}
}

// over reads events until the last, which is the one named, with one of the reasons; then nothing more comes.
func (s *live) over(name string, reasons ...string) {
	s.t.Helper()
	e, ok := s.next(10 * time.Second)
	for ok && e.name == "session.updated" {
		e, ok = s.next(10 * time.Second)
	}
	if !ok || e.name != name || len(e.data) != 1 {
		s.t.Fatalf("got %q %v, want %s", e.name, e.data, name)
	}
	known := false
	for _, r := range reasons {
		known = known || e.data["reason"] == r
	}
	if !known {
		s.t.Errorf("%s for the reason %q, want one of %q", name, e.data["reason"], reasons)
	}
	s.closed()
}

// closed waits until the server has ended the stream. Heartbeats may come before.
func (s *live) closed() {
	s.t.Helper()
	if e, ok := s.next(10 * time.Second); ok {
		s.t.Fatalf("%q after the last event", e.text)
	}
}

// beat waits for a heartbeat, and passes over events.
func (s *live) beat() {
	s.t.Helper()
	late := time.After(10 * time.Second)
	for {
		select {
		case e, ok := <-s.news:
			if !ok {
				s.t.Fatal("the stream has ended")
			}
			if strings.HasPrefix(e.text, ":") {
				return
			}
		case <-late:
			s.t.Fatal("no heartbeat")
		}
	}
}

// still is the version that a browser gets, which the stream must have told of.
func (b *browser) still() string {
	b.w.t.Helper()
	return b.get("/api/auth/session").expect(200).header.Get(nguard.VersionHeader)
}

// streams sets the times of streams: how often they look, and their heartbeat.
func streams(poll, heartbeat time.Duration) func(*nguard.Config) {
	return func(c *nguard.Config) { c.Streams.Poll, c.Streams.Heartbeat = poll, heartbeat }
}
