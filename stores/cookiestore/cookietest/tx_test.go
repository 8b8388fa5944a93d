package cookietest

import (
	"errors"
	"net/http"
	"testing"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/cookiestore"
)

// A cookie cannot be rolled back: what a browser was given stands, values and the epoch that they are stamped
// with, which the next change would bring up again. So nothing is given inside a transaction of the program,
// and no values reach a cookie that are not committed (P2, B11).
func TestP2_ProgramsTransaction(t *testing.T) {
	companion := rows(t, file(t))
	s := program(t, func(c *cookiestore.Config, _ *nguard.Config) { c.Companion = companion })
	db := companion.Database()
	s.extra = func(mux *http.ServeMux) {
		mux.Handle("POST /rollback", s.handler(func(r *http.Request) error {
			tx, err := db.BeginTx(r.Context(), nil)
			if err != nil {
				return err
			}
			defer func() { _ = tx.Rollback() }()
			ctx := nguard.WithTx(r.Context(), db, tx)
			for what, change := range map[string]func(d *nguard.Draft) error{
				"a value of the session":     func(d *nguard.Draft) error { return note.Set(d, "rolled back") },
				"a value of the users table": func(d *nguard.Draft) error { return theme.Set(d, "dark") },
			} {
				if _, err := httpguard.From(r).Update(ctx, change); !errors.Is(err, errors.ErrUnsupported) {
					t.Errorf("%s: %v", what, err)
				}
			}
			return nil
		}))
	}
	s.serve()
	ann := s.login("ann")
	before := ann.value()
	a := ann.ok(ann.do("POST", "/rollback", ""))
	if len(a.cookies) != 0 || ann.value() != before {
		t.Errorf("the answer sets %v", a.cookies)
	}
	if me := ann.me(); me.Data["note"] != "" || me.Data["theme"] != "light" {
		t.Errorf("after a rollback: %v", me.Data)
	}
	ann.ok(ann.do("POST", "/api/auth/update", `{"note":"after it"}`))
	if me := ann.me(); me.Data["note"] != "after it" {
		t.Errorf("after the next change: %v", me.Data)
	}
}
