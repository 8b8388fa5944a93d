package httpguard_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/nguard-go/nguard/adapters/httpguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
)

// who answers with the ID of the person.
func who(w http.ResponseWriter, r *http.Request) {
	s, err := httpguard.From(r).Session()
	if err != nil {
		httpguard.Fail(w, r, err)
		return
	}
	fmt.Fprint(w, s.UserID())
}

func TestSessions(t *testing.T) {
	g := browsertest.NewGuard(t)
	c := browsertest.Serve(t, httpguard.Sessions(g)(http.HandlerFunc(who)))
	if got := c.Get("/").Expect(401).Code(); got != "no_session" {
		t.Errorf("code %q", got)
	}
	c.SignIn(g, "bob")
	a := c.Get("/").Expect(200)
	if a.Body != "bob" || a.Header.Get("Vary") != "Cookie" || a.Header.Get(nguard.VersionHeader) == "" {
		t.Errorf("%q %v", a.Body, a.Header)
	}
	if got := c.Do("POST", "/", "", "Sec-Fetch-Site: cross-site").Expect(403).Code(); got != "cross_origin" {
		t.Errorf("code %q", got)
	}
}
