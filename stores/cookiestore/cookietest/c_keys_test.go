package cookietest

import (
	"encoding/base64"
	"net/http"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/cookiestore"
)

// keyOf is the ID of the key that a value was sealed with, which stands in the open.
func keyOf(t *testing.T, value string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || len(raw) < 5 {
		t.Fatalf("no sealed value: %q", value)
	}
	return string(raw[1:5])
}

func TestC10_UnknownKey(t *testing.T) {
	s := open(t)
	other := open(t, func(c *cookiestore.Config, _ *nguard.Config) {
		c.Companion, c.Keys = s.rows, ring(t, secretB)
	})
	s.refused("a key that was never here", s.session(other.login("ann").value()))
	value := s.login("ann").value()
	raw, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		t.Fatal(err)
	}
	copy(raw[1:5], keyOf(t, other.login("ann").value()))
	s.refused("the ID of another key", s.session(base64.RawURLEncoding.EncodeToString(raw)))
	copy(raw[1:5], "\x00\x00\x00\x00")
	s.refused("no ID", s.session(base64.RawURLEncoding.EncodeToString(raw)))
}

// The previous key opens, and what it opened is sealed with the current one in that very answer, whatever
// the method; new cookies use the current key, whatever the order of the older ones.
func TestC11_Rotation(t *testing.T) {
	for name, options := range map[string][]option{"row": nil, "bare": {bare}} {
		t.Run(name, func(t *testing.T) {
			s := open(t, options...)
			ann := s.login("ann")
			ann.ok(ann.do("POST", "/api/auth/update", `{"note":"kept"}`))
			first := ann.value()
			current := keyOf(t, first)
			for i, keys := range [][][]byte{{secretB, secretA}, {secretC, secretA, secretB}, {secretA, secretC, secretB}, {secretA, secretB, secretC}} {
				if err := s.keys.Set(keys[0], keys[1:]...); err != nil {
					t.Fatal(err)
				}
				for _, method := range []string{"GET", "HEAD"} {
					ann.put(first)
					a := ann.ok(ann.do(method, "/api/auth/session", ""))
					set, ok := a.set()
					if want := keys[0][0] != secretA[0]; ok != want {
						t.Fatalf("step %d, %s: a new value: %v, want %v", i, method, ok, want)
					} else if !ok {
						continue
					}
					if keyOf(t, set) == current || ann.value() != set {
						t.Errorf("step %d, %s: not sealed with the current key", i, method)
					}
				}
				if note := ann.me().Data["note"]; note != "kept" {
					t.Errorf("step %d: the note is %q", i, note)
				}
				if a := ann.ok(ann.do("GET", "/api/auth/session", "")); len(a.cookies) != 0 {
					t.Errorf("step %d: sealed again and again: %v", i, a.cookies)
				}
				if got, want := keyOf(t, s.login("bob").value()), keyOf(t, ann.value()); got != want {
					t.Errorf("step %d: a new cookie has another key", i)
				}
			}
		})
	}
}

// A key that is taken out ends its cookies at once, and no others.
func TestC12_Removal(t *testing.T) {
	for name, options := range map[string][]option{"row": nil, "bare": {bare}} {
		t.Run(name, func(t *testing.T) {
			s := open(t, options...)
			ann := s.login("ann").value()
			if err := s.keys.Set(secretB, secretA); err != nil {
				t.Fatal(err)
			}
			bob := s.login("bob").value()
			if a := s.session(ann); a.status != http.StatusOK {
				t.Fatalf("got %d", a.status)
			}
			if err := s.keys.Set(secretB); err != nil {
				t.Fatal(err)
			}
			s.refused("the key is gone", s.session(ann))
			if a := s.session(bob); a.status != http.StatusOK {
				t.Errorf("the other key's cookie got %d", a.status)
			}
			// A mistake leaves the keys as they are.
			if err := s.keys.Set([]byte("short")); err == nil {
				t.Error("a short secret was taken")
			}
			if a := s.session(bob); a.status != http.StatusOK {
				t.Errorf("after a mistake got %d", a.status)
			}
		})
	}
}
