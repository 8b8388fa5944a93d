package cookietest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/cookiestore"
	"github.com/nguard-go/nguard/stores/memstore"
)

// Another application or environment that has the same keys, and even the same rows.
func TestB8_Audience(t *testing.T) {
	rows := memstore.New()
	shop := open(t, func(s *cookiestore.Config, _ *nguard.Config) { s.Companion, s.Audience = rows, "shop" })
	for name, other := range map[string]string{"another": "shop/staging", "none": "", "prefix": "sho"} {
		s := open(t, func(s *cookiestore.Config, _ *nguard.Config) { s.Companion, s.Audience = rows, other })
		s.refused(name, s.session(shop.login("ann").value()))
	}
	bareShop := open(t, bare, func(s *cookiestore.Config, _ *nguard.Config) { s.Audience = "shop" })
	s := open(t, bare)
	s.refused("bare", s.session(bareShop.login("ann").value()))
}

// What the same keys have sealed for another purpose is no session.
func TestB9_Purpose(t *testing.T) {
	full, alone := open(t), open(t, bare)
	full.refused("a session without a companion", full.session(alone.login("ann").value()))
	alone.refused("a session with a companion", alone.session(full.login("ann").value()))
	// The token of the row by itself, which is what the companion's own guard takes for a session.
	plain, err := full.rows.Create(t.Context(), &nguard.Record{Owner: "carol", Version: 1}, nguard.Cap{})
	if err != nil {
		t.Fatal(err)
	}
	full.refused("the companion's token", full.session(plain.Live))
	full.refused("the session's handle", full.session(plain.ID))
}

func TestB10_Spelling(t *testing.T) {
	for name, s := range map[string]*site{"row": open(t), "bare": open(t, bare)} {
		value := s.login("ann").value()
		raw, err := base64.RawURLEncoding.DecodeString(value)
		if err != nil {
			t.Fatal(err)
		}
		tries := map[string]string{
			"lower": strings.ToLower(value), "upper": strings.ToUpper(value), "padded": value + "=", "padded twice": value + "==",
			"escaped":   fmt.Sprintf("%%%02X", value[0]) + value[1:],
			"truncated": value[:len(value)-1], "one less": value[:len(value)-4], "one more": value + "AAAA",
			"standard alphabet": strings.NewReplacer("-", "+", "_", "/").Replace(value),
			"twice":             value + value, "standard base64": base64.StdEncoding.EncodeToString(raw), "hash": value + "#", "dot": value + ".",
		}
		// The spare bits of the last character, where there are some.
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		if spare := len(value) % 4; spare != 0 {
			last := strings.IndexByte(alphabet, value[len(value)-1])
			tries["spare bits"] = value[:len(value)-1] + string(alphabet[last^1])
		}
		for what, v := range tries {
			if v == value {
				continue
			}
			s.refused(name+", "+what, s.session(v))
		}
		if a := s.session(value); a.status != http.StatusOK {
			t.Errorf("%s: the value itself got %d", name, a.status)
		}
	}
}

// A cookie from before is put back: what the server knows rules, and stale authority never applies.
func TestB11_OlderCookie(t *testing.T) {
	s := open(t)
	root := s.login("root")
	ann := s.login("ann")
	first := ann.value()

	t.Run("update", func(t *testing.T) {
		saved := ann.ok(ann.do("POST", "/api/auth/update", `{"note":"second"}`))
		ann.put(first)
		a := ann.ok(ann.do("GET", "/api/auth/session", ""))
		if got, want := a.header.Get(nguard.VersionHeader), saved.header.Get(nguard.VersionHeader); got != want {
			t.Errorf("the version is %q, want the server's %q", got, want)
		}
		// The session's own free fields are the cookie's: that is what NoLostUpdate is waived for.
		if note := a.session().Data["note"]; note != "" {
			t.Errorf("the note is %q", note)
		}
	})
	t.Run("field of the users table", func(t *testing.T) {
		ann.ok(ann.do("POST", "/api/auth/update", `{"theme":"dark"}`))
		ann.put(first)
		if theme := ann.me().Data["theme"]; theme != "dark" {
			t.Errorf("the theme is %q", theme)
		}
	})
	t.Run("promotion and demotion", func(t *testing.T) {
		root.ok(root.do("POST", "/api/auth/update-role", `{"userId":"ann","newRole":"admin"}`))
		if me := ann.me(); me.Role != "admin" {
			t.Fatalf("the role is %q", me.Role)
		}
		admin := ann.value()
		root.ok(root.do("POST", "/api/auth/update-role", `{"userId":"ann","newRole":"user"}`))
		for what, v := range map[string]string{"as admin": admin, "the first": first} {
			ann.put(v)
			if me := ann.me(); me.Role != "user" || me.User["role"] != "user" {
				t.Errorf("%s: the role is %q", what, me.Role)
			}
			ann.put(v)
			if a := ann.do("POST", "/api/auth/update-role", `{"userId":"bob","newRole":"admin"}`); a.status != http.StatusForbidden {
				t.Errorf("%s: got %d", what, a.status)
			}
		}
	})
	t.Run("step-up", func(t *testing.T) {
		before := ann.value()
		ann.ok(ann.do("POST", "/stepup", ""))
		if a := s.session(before); a.status != http.StatusUnauthorized {
			t.Errorf("the cookie from before got %d", a.status)
		}
		ann.me()
	})
	t.Run("logout", func(t *testing.T) {
		before := ann.value()
		ann.ok(ann.do("POST", "/api/auth/logout", ""))
		if a := s.session(before); a.status != http.StatusUnauthorized {
			t.Errorf("the cookie from before got %d", a.status)
		}
	})
}
