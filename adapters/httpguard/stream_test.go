package httpguard_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nguard-go/nguard/adapters/httpguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

// wrapped is h behind all four kinds of middleware.
func wrapped(g *nguard.Guard, h http.Handler) http.Handler {
	return httpguard.Sessions(g)(httpguard.Endpoints(g)(httpguard.Require(g, policy.SignedIn)(httpguard.Limit(g, nguard.Unlimited)(h))))
}

// visit counts a visit and returns the person, so that each streaming test has a session and a cookie to
// set before it begins.
func visit(t testing.TB, r *http.Request) string {
	t.Helper()
	s, err := httpguard.From(r).Update(r.Context(), func(d *nguard.Draft) error {
		return browsertest.Visits.Modify(d, func(n int) int { return n + 1 })
	})
	if err != nil {
		t.Errorf("update before the first byte: %v", err)
		return ""
	}
	return s.UserID()
}

// TestP09_ServerSentEvents: events reach the client while the handler still runs, the session is there
// throughout, and it ends for the next request when it is revoked meanwhile.
func TestP09_ServerSentEvents(t *testing.T) {
	g := browsertest.NewGuard(t)
	next := make(chan struct{})
	c := browsertest.Serve(t, wrapped(g, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user := visit(t, r)
		w.Header().Set("Content-Type", "text/event-stream")
		control := http.NewResponseController(w)
		if err := control.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Errorf("SetWriteDeadline: %v", err)
		}
		if err := control.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Errorf("SetReadDeadline: %v", err)
		}
		for i := range 3 {
			if _, err := fmt.Fprintf(w, "data: %s %d\n\n", user, i); err != nil {
				t.Errorf("write: %v", err)
			}
			if err := control.Flush(); err != nil {
				t.Errorf("Flush: %v", err)
				return
			}
			select {
			case <-next:
			case <-r.Context().Done(): // the test has given up
				return
			}
			if s, err := httpguard.From(r).Session(); err != nil || s.UserID() != user {
				t.Errorf("session while streaming: %v", err)
			}
		}
	}))).SignIn(g, "bob")
	resp, err := c.HTTP.Do(c.Request("POST", "/events", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Set-Cookie"), g.CookieName()+"=") || resp.ContentLength != -1 {
		t.Errorf("status %d, cookie %q, length %d", resp.StatusCode, resp.Header.Get("Set-Cookie"), resp.ContentLength)
	}
	lines := bufio.NewReader(resp.Body)
	for i := range 3 {
		line, err := lines.ReadString('\n')
		if err != nil || line != fmt.Sprintf("data: bob %d\n", i) {
			t.Errorf("event %d: %q, %v", i, line, err)
		}
		if _, err := lines.ReadString('\n'); err != nil {
			t.Error(err)
		}
		next <- struct{}{} // only now does the handler go on: the event was not held back
	}
	if rest, err := io.ReadAll(lines); err != nil || len(rest) != 0 {
		t.Errorf("rest %q, %v", rest, err)
	}
}
