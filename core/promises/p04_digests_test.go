package promises

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/memstore"
)

// forge spells a locator of 16 bytes and a secret of 32 as a token whose check holds: what an attacker who
// knows the format can make of any bytes.
func forge(locator, secret []byte) string {
	raw := append(append([]byte{}, locator...), secret...)
	sum := sha256.Sum256(append([]byte("nguard:"), raw...))
	return base64.RawURLEncoding.EncodeToString(append(raw, sum[:6]...))
}

// parts takes a token apart.
func parts(t testing.TB, token string) (locator, secret []byte) {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) != 54 {
		t.Fatalf("not a token: %q", token)
	}
	if forge(raw[:16], raw[16:48]) != token {
		t.Fatal("forge does not make what nguard makes: this test tests nothing")
	}
	return raw[:16], raw[16:48]
}

// dumped is every value that the stores and sinks of a world hold.
func dumped(t testing.TB, w *world, owners ...string) (values [][]byte) {
	t.Helper()
	ctx := context.Background()
	var rows nguard.RowLister
	if m, ok := w.back.store.(*memstore.Store); ok {
		rows = m.Backend().(nguard.RowLister)
	}
	for _, owner := range owners {
		if rows == nil {
			break
		}
		list, _, err := rows.Rows(ctx, owner, "", 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			values = append(values, []byte(r.ID), r.Cur, r.Prev, r.Salt, r.Encode(), []byte(fmt.Sprintf("%+v", *r.Record)))
		}
	}
	for _, e := range w.back.read() {
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, raw, []byte(e.Session), []byte(e.ID), []byte(e.RequestID))
	}
	if w.back.db != nil {
		values = append(values, columnsOf(t, w.back.db)...)
		for _, name := range []string{fileOf(t, w), fileOf(t, w) + "-wal"} {
			if raw, err := os.ReadFile(name); err == nil {
				values = append(values, raw)
			} else if !os.IsNotExist(err) {
				t.Fatal(err)
			}
		}
	}
	return values
}

// columnsOf is every value of every table of a SQLite database.
func columnsOf(t testing.TB, db *sql.DB) (values [][]byte) {
	t.Helper()
	strs := func(query string) (list []string) {
		rows, err := db.Query(query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var s string
			if err := rows.Scan(&s); err != nil {
				t.Fatal(err)
			}
			list = append(list, s)
		}
		return list
	}
	for _, table := range strs("SELECT name FROM sqlite_master WHERE type = 'table'") {
		rows, err := db.Query(`SELECT * FROM "` + table + `"`)
		if err != nil {
			t.Fatal(err)
		}
		names, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			cells := make([]any, len(names))
			for i := range cells {
				cells[i] = new(any)
			}
			if err := rows.Scan(cells...); err != nil {
				t.Fatal(err)
			}
			for _, c := range cells {
				switch v := (*c.(*any)).(type) {
				case []byte:
					values = append(values, v)
				case string:
					values = append(values, []byte(v))
				case nil:
				default:
					values = append(values, []byte(fmt.Sprint(v)))
				}
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		_ = rows.Close()
	}
	return values
}

// busyDay makes a store that has seen everything: logins, rotations, a step-up, updates, a theft. It
// returns the tokens that browsers hold now, and all tokens that there ever were.
func busyDay(t *testing.T, w *world, c *frozen) (live, all []string) {
	t.Helper()
	user, phone, admin := w.loggedIn("user"), w.loggedIn("user"), w.loggedIn("admin")
	note := func() { all = append(all, user.token(), phone.token(), admin.token()) }
	note()
	c.Advance(11 * time.Second)
	user.post("/api/auth/refresh", "").expect(200)
	note()
	user.get("/who").expect(200)
	c.Advance(11 * time.Second)
	user.post("/api/auth/refresh", "").expect(200)
	admin.post("/api/auth/update-role", `{"userId":"admin","newRole":"moderator"}`).expect(200)
	phone.post("/api/auth/update", `{"theme":"dark","draft":"x"}`).expect(200)
	phone.post("/api/visits", "").expect(200)
	note()
	phone.post("/step-up", "").expect(200)
	note()
	stolen := w.loggedIn("other")
	first := stolen.token()
	stolen.post("/api/auth/refresh", "").expect(200)
	stolen.get("/who").expect(200)
	c.Advance(11 * time.Second)
	w.show(first, "GET", "/who").expect(401)
	w.awaitEvent(nguard.EventTokenReuse, nguard.Denied)
	w.browser().post("/api/auth/validate", `{"token":"`+user.token()+`"}`).expect(200)
	w.browser().get("/who?token=" + first).expect(401)
	all = append(all, first, stolen.token())
	return []string{user.token(), phone.token(), admin.token()}, all
}

func TestP04_StoreHoldsNoToken(t *testing.T) {
	eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		live, all := busyDay(t, w, c)
		secrets := map[string]string{}
		for i, token := range append(all, live...) {
			locator, secret := parts(t, token)
			raw, _ := base64.RawURLEncoding.DecodeString(token)
			for what, bytes := range map[string][]byte{"token": []byte(token), "decoded token": raw, "locator": locator, "secret": secret} {
				for form, spell := range map[string]func([]byte) string{
					"raw": func(b []byte) string { return string(b) }, "hex": hex.EncodeToString,
					"base64url": base64.RawURLEncoding.EncodeToString, "base64": base64.RawStdEncoding.EncodeToString,
				} {
					secrets[spell(bytes)] = fmt.Sprintf("%s %d as %s", what, i, form)
				}
			}
		}
		values := dumped(t, w, "user", "admin", "other")
		if len(values) < 30 {
			t.Fatalf("only %d values dumped: this test sees nothing", len(values))
		}
		found := false
		for _, v := range values {
			found = found || bytes.Contains(v, []byte("Uma User"))
			for s, what := range secrets {
				if bytes.Contains(v, []byte(s)) {
					t.Errorf("the store or sink holds the %s", what)
				}
			}
		}
		if !found {
			t.Error("the dump does not even hold a name: this test sees nothing")
		}
	})
}

// Whatever stands in a database dump is no cookie, and showing it ends nobody's session (checklist B12, G8).
func TestP04_B12_G8_DumpIsNoCookie(t *testing.T) {
	eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		live, _ := busyDay(t, w, c)
		var handles []string
		for _, user := range []string{"user", "admin"} {
			list, err := w.guard.Sessions(context.Background(), user)
			if err != nil || len(list) == 0 {
				t.Fatalf("sessions of %s: %d, %v", user, len(list), err)
			}
			for _, s := range list {
				handles = append(handles, s.ID())
			}
		}
		guesses := map[string]bool{}
		h := w.handler()
		_, strangers := parts(t, live[0])
		values := dumped(t, w, "user", "admin", "other")
		for _, handle := range handles {
			id, err := base64.RawURLEncoding.DecodeString(handle)
			if err != nil || len(id) != 16 {
				t.Fatalf("handle %q has %d bytes, want 128 random bits", handle, len(id))
			}
			guesses[handle] = true
			guesses[forge(id, strangers)] = true // the right secret, below the wrong locator
			for _, v := range values {
				switch len(v) {
				case 16:
					guesses[forge(id, append(append([]byte{}, v...), v...))] = true
				case 32:
					guesses[forge(id, v)] = true
					guesses[forge(v[:16], v)] = true
				}
			}
		}
		for _, v := range values {
			if len(v) > 0 && len(v) <= 64 {
				guesses[base64.RawURLEncoding.EncodeToString(v)] = true
				guesses[hex.EncodeToString(v)] = true
				if s := string(v); strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`";,\`, r) }) < 0 {
					guesses[s] = true
				}
			}
		}
		if len(guesses) < 30 {
			t.Fatalf("only %d guesses", len(guesses))
		}
		d := &day{w: w, h: h}
		for g := range guesses {
			if code, cookie := d.serve(g, "GET", "/who", ""); code != 401 || cookie != "" && cookie == g {
				t.Errorf("the value %q from a dump, used as a cookie: status %d", g, code)
			}
		}
		for i, token := range live {
			if code, _ := d.serve(token, "GET", "/who", ""); code != 200 {
				t.Errorf("guesses ended session %d: status %d", i, code)
			}
		}
	})
}

// No answer but Set-Cookie carries a token, and lists show handles only.
func TestP04_AnswersHoldNoToken(t *testing.T) {
	eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		b, admin := w.loggedIn("user"), w.loggedIn("admin")
		c.Advance(11 * time.Second)
		for _, step := range [][3]string{
			{"POST", "/api/auth/login", `{"id":"user","password":"guardtest-password"}`},
			{"GET", "/api/auth/session", ""}, {"GET", "/api/auth/validate", ""}, {"GET", "/api/auth/sessions", ""},
			{"POST", "/api/auth/refresh", ""}, {"POST", "/api/auth/update", `{"theme":"dark"}`}, {"POST", "/api/auth/update", `{"role":"admin"}`},
			{"DELETE", "/api/auth/sessions", ""}, {"GET", "/nowhere", ""}, {"PUT", "/api/auth/session", ""}, {"POST", "/api/auth/logout", ""},
		} {
			before := b.token()
			a := b.do(step[0], step[1], step[2])
			header := a.header.Clone()
			header.Del("Set-Cookie")
			shown := fmt.Sprint(header) + string(a.raw)
			for _, token := range []string{before, b.token(), admin.token()} {
				if token == "" {
					continue
				}
				locator, secret := parts(t, token)
				for _, s := range []string{token, base64.RawURLEncoding.EncodeToString(secret), hex.EncodeToString(secret), hex.EncodeToString(locator)} {
					if strings.Contains(shown, s) {
						t.Errorf("%s %s: the answer holds a token: %s", step[0], step[1], shown)
					}
				}
			}
		}
		list := admin.get("/api/auth/users/user/sessions").expect(200)
		if !strings.Contains(string(list.raw), `"id"`) && !strings.Contains(string(list.raw), `"sessions":[]`) {
			t.Errorf("list: %s", list.raw)
		}
	})
}
