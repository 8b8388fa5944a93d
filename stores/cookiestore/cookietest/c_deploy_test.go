package cookietest

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/cookiestore"
	"github.com/nguard-go/nguard/stores/cookiestore/jwtcodec"
)

// What holds of cookies that a program sealed before it was deployed anew, with other fields.

// after is what a browser that held these cookies holds after an answer.
func after(held map[string]string, a answer) map[string]string {
	held = maps.Clone(held)
	for _, c := range a.cookies {
		if held[c.Name] = c.Value; c.Value == "" {
			delete(held, c.Name)
		}
	}
	return held
}

// size is the length of the value in these cookies, with what parts have around it.
func size(held map[string]string) (n int) {
	for _, v := range held {
		n += len(v)
	}
	return n
}

// again is the program of s after a deploy: the same rows, keys and people.
func again(s *site) option {
	return func(c *cookiestore.Config, g *nguard.Config) { c.Keys, c.Companion, g.Users = s.keys, s.rows, s.users }
}

// A read that makes a value anew, with a new key or for a token that was replaced, never makes one that the next
// request cannot show: the readable claims have grown by a field that was declared since.
func TestC5_ReadGrows(t *testing.T) {
	const room = nguard.MaxCookieToken
	wide := tokens(t, func(c *jwtcodec.Config) {
		c.Fields = append(fields(), &nguard.Field[string]{Name: "wide", Default: strings.Repeat("w", 400)})
	})
	for name, options := range map[string][]option{"row": nil, "bare": {bare}} {
		t.Run(name, func(t *testing.T) {
			s := open(t, append([]option{large, tokens(t)}, options...)...)
			ann := s.login("ann")
			ann.fill(room)
			if n := size(ann.cookies()); n < room-20 {
				t.Fatalf("the session takes %d bytes", n)
			}
			deployed := open(t, append([]option{again(s), large, wide}, options...)...)
			if err := s.keys.Set(secretB, secretA); err != nil {
				t.Fatal(err)
			}
			held := ann.cookies()
			for i := range 3 {
				a := deployed.send("GET", "/api/auth/session", "", lineOf(held))
				if a.status != http.StatusOK {
					t.Fatalf("request %d after the deploy: got %d, clears %v", i+1, a.status, a.clears())
				}
				held = after(held, a)
			}
			// It goes on as long as it is only read, and a change that makes it smaller makes it a new one.
			a := deployed.send("POST", "/keep", "small", lineOf(held))
			if held = after(held, a); a.status != http.StatusOK || len(held) != 1 {
				t.Fatalf("a change that fits: got %d, %d cookies: %s", a.status, len(held), a.body)
			}
			if err := s.keys.Set(secretB); err != nil {
				t.Fatal(err)
			}
			if a := deployed.send("GET", "/api/auth/session", "", lineOf(held)); a.status != http.StatusOK {
				t.Errorf("by the new key alone: got %d", a.status)
			}
		})
	}
	t.Run("the successor", func(t *testing.T) {
		s := open(t, large, tokens(t))
		ann := s.login("ann")
		ann.fill(room)
		before := ann.cookies()
		ann.ok(ann.do("POST", "/api/auth/refresh", "")) // its answer is lost
		deployed := open(t, again(s), large, wide)
		held := before
		for i := range 3 {
			a := deployed.send("GET", "/api/auth/session", "", lineOf(held))
			if a.status != http.StatusOK {
				t.Fatalf("request %d after the deploy: got %d, clears %v", i+1, a.status, a.clears())
			}
			held = after(held, a)
		}
	})
}
