package cookietest

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/cookiestore"
)

// large lets a session take several cookies.
func large(s *cookiestore.Config, _ *nguard.Config) { s.MaxSize = nguard.MaxCookieToken }

// parts is the names of the cookies that a large session takes.
var parts = []string{cookieName, cookieName + "-2", cookieName + "-3", cookieName + "-4"}

func lineOf(cookies map[string]string) string {
	var pairs []string
	for name, v := range cookies {
		pairs = append(pairs, name+"="+v)
	}
	return strings.Join(pairs, "; ")
}

func TestC15_Parts(t *testing.T) {
	s := open(t, large)
	b := s.login("ann")
	short := b.cookies()
	if len(short) != 1 || strings.HasPrefix(short[cookieName], "~") {
		t.Fatalf("a short session is in %d cookies", len(short))
	}
	b.ok(b.do("POST", "/keep", strings.Repeat("p", 6500)))
	old := b.cookies()
	b.ok(b.do("POST", "/keep", strings.Repeat("q", 6500)))
	whole := b.cookies()
	if len(whole) != 3 {
		t.Fatalf("the session is in %d cookies", len(whole))
	}
	for name, v := range whole {
		if len(name)+len(v) > 4096 {
			t.Errorf("%s has %d bytes with its name", name, len(name)+len(v))
		}
	}
	b.me()
	if a := s.send("GET", "/api/auth/session", "", lineOf(old)); a.status != http.StatusOK {
		t.Errorf("the parts of before, all of them, got %d", a.status) // the last cookie wins, as with one
	}

	tries := map[string]map[string]string{}
	change := func(what string, fn func(c map[string]string)) {
		c := maps.Clone(whole)
		fn(c)
		tries[what] = c
	}
	for i, name := range parts[:3] {
		change(fmt.Sprint("part ", i+1, " is missing"), func(c map[string]string) { delete(c, name) })
		change(fmt.Sprint("part ", i+1, " is empty"), func(c map[string]string) { c[name] = "" })
		change(fmt.Sprint("part ", i+1, " is of before"), func(c map[string]string) { c[name] = old[name] })
		change(fmt.Sprint("part ", i+1, " is cut"), func(c map[string]string) { c[name] = c[name][:len(c[name])-1] })
		change(fmt.Sprint("part ", i+1, " is longer"), func(c map[string]string) { c[name] += "A" })
		change(fmt.Sprint("part ", i+1, " is garbage"), func(c map[string]string) { c[name] = "x" })
		change(fmt.Sprint("part ", i+1, " is a tilde"), func(c map[string]string) { c[name] = "~" })
		change(fmt.Sprint("part ", i+1, " has another number"), func(c map[string]string) { c[name] = strings.Replace(c[name], "~", "~0", 1) })
		change(fmt.Sprint("only part ", i+1), func(c map[string]string) {
			v := c[name]
			clear(c)
			c[name] = v
		})
	}
	change("two parts change places", func(c map[string]string) { c[parts[1]], c[parts[2]] = c[parts[2]], c[parts[1]] })
	change("one part too many", func(c map[string]string) { c[parts[3]] = c[parts[2]] })
	change("a short one behind", func(c map[string]string) { c[parts[3]] = short[cookieName] })
	change("a short one in front", func(c map[string]string) { c[cookieName] = short[cookieName] })
	change("another person's part", func(c map[string]string) {
		eve := s.login("bob")
		eve.ok(eve.do("POST", "/keep", strings.Repeat("r", 6500)))
		c[parts[2]] = eve.cookies()[parts[2]]
	})
	change("says it has two", func(c map[string]string) {
		for _, name := range parts[:2] {
			c[name] = strings.Replace(c[name], ".3.", ".2.", 1)
		}
		delete(c, parts[2])
	})
	change("says it has a million", func(c map[string]string) { c[cookieName] = strings.Replace(c[cookieName], ".3.", ".1000000.", 1) })
	change("says it has one", func(c map[string]string) { c[cookieName] = strings.Replace(c[cookieName], ".3.", ".1.", 1) })
	for what, cookies := range tries {
		a := s.send("GET", "/api/auth/session", "", lineOf(cookies))
		s.refused(what, a)
		gone := 0
		for _, c := range a.cookies {
			if c.Value == "" && c.MaxAge < 0 {
				gone++
			}
		}
		if gone != len(parts) {
			t.Errorf("%s: %d of %d leftovers cleared", what, gone, len(parts))
		}
	}
	t.Run("two different values of one part", func(t *testing.T) {
		s.refused("twice", s.send("GET", "/api/auth/session", "", lineOf(whole), parts[1]+"="+old[parts[1]]))
	})
	t.Run("tokens", func(t *testing.T) {
		s := open(t, large, tokens(t))
		b := s.login("ann")
		b.ok(b.do("POST", "/keep", strings.Repeat("p", 3000)))
		if held := b.cookies(); len(held) < 2 {
			t.Errorf("the browser holds %d cookies", len(held))
		}
		b.me()
	})
	t.Run("smaller again", func(t *testing.T) {
		b.ok(b.do("POST", "/keep", "small"))
		if held := b.cookies(); len(held) != 1 {
			t.Errorf("the browser holds %d cookies", len(held))
		}
		b.me()
	})
}
