package adaptertest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

// tables is every row of the tables but those of the audit record, as text.
func tables(t testing.TB, db *sql.DB) string {
	t.Helper()
	var b strings.Builder
	for _, table := range []string{"people ORDER BY id", "nguard_epochs ORDER BY owner", "nguard_sessions ORDER BY id"} {
		rows, err := db.Query("SELECT * FROM " + table)
		if err != nil {
			t.Fatal(err)
		}
		names, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values, targets := make([]any, len(names)), make([]any, len(names))
			for i := range values {
				targets[i] = &values[i]
			}
			if err := rows.Scan(targets...); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "%s", table)
			for i, name := range names {
				fmt.Fprintf(&b, " %s=%x", name, values[i])
			}
			b.WriteByte('\n')
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// successes is how many records of success there are, ends of sessions left out: those follow.
func successes(t testing.TB, db *sql.DB) (n int) {
	t.Helper()
	if err := db.QueryRow(`SELECT count(*) FROM nguard_audit WHERE outcome = 'success' AND record LIKE '%"class":"change"%'`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func everyStatement(t *testing.T, k *kit) {
	k.open(t).onlySQL(t)
	for _, mode := range []sqlFault{sqlRefused, sqlLost, sqlAnswered} {
		t.Run(mode.String(), func(t *testing.T) {
			b, d := k.faultySQLite(t)
			for _, c := range p02Changes() {
				t.Run(c.name, func(t *testing.T) {
					w := newWorld(t, b)
					for n := 1; ; n++ {
						for _, p := range People() {
							b.put(p)
						}
						if _, err := b.db.Exec(`DELETE FROM nguard_sessions; DELETE FROM nguard_audit`); err != nil { // short dumps
							t.Fatal(err)
						}
						do := c.ready(w)
						before, recorded := tables(t, b.db), successes(t, b.db)
						d.arm(n, mode)
						a := do()
						fired := d.disarm()
						after, now := tables(t, b.db), successes(t, b.db)
						what := fmt.Sprintf("statement %d %s (%s): %d %s", n, mode, fired, a.status, a.raw)
						switch code := codeOf(a); {
						case a.status == 200:
							if before == after {
								t.Errorf("%s: nothing has changed", what)
							}
						case a.status != 503 || a.header.Get("Retry-After") == "":
							t.Errorf("%s: want 503 with Retry-After", what)
						case code == "unavailable":
							if before != after {
								t.Errorf("%s: something has changed:%s", what, difference(before, after))
							}
							if now != recorded {
								t.Errorf("%s: a success is recorded", what)
							}
						case code == "outcome_unknown":
							if mode == sqlRefused {
								t.Errorf("%s: the database has answered, so the outcome is known", what)
							}
							if own := fired != "COMMIT" && !strings.HasPrefix(fired, "DELETE FROM nguard_sessions") && !strings.HasPrefix(fired, "INSERT INTO nguard_epochs"); own && c.name != "log out all other devices" {
								t.Errorf("%s: only a commit can leave the outcome unknown", what)
							}
							if before == after && now != recorded {
								t.Errorf("%s: a success is recorded and nothing has changed", what)
							}
						}
						if a.status != 200 && (len(a.header.Values("Set-Cookie")) > 0 || strings.Contains(string(a.raw), "nguard_")) {
							t.Errorf("%s: a cookie or internals in the answer: %v", what, a.header)
						}
						if fired == "" {
							a.expect(200)
							if n < 2 {
								t.Fatal("no statement was counted")
							}
							return
						}
						if t.Failed() || n > 60 {
							t.FailNow()
						}
					}
				})
			}
		})
	}
}

func everyStatementOfJob(t *testing.T, k *kit) {
	k.open(t).onlySQL(t)
	ctx := context.WithValue(nguard.WithActor(t.Context(), "job:promote"), countedKey{}, true)
	for _, mode := range []sqlFault{sqlRefused, sqlLost, sqlAnswered} {
		t.Run(mode.String(), func(t *testing.T) {
			b, d := k.faultySQLite(t)
			w := newWorld(t, b)
			w.settled("user")
			for n := 1; ; n++ {
				b.put(People()[3])
				before, recorded := tables(t, b.db), successes(t, b.db)
				d.arm(n, mode)
				_, err := w.guard.ChangeUser(ctx, "user", func(u *nguard.User) error { u.Role, u.Name = "moderator", "Uma M."; return nil })
				fired := d.disarm()
				if fired == "" {
					if err != nil || before == tables(t, b.db) {
						t.Fatalf("nothing failed and nothing changed: %v", err)
					}
					return
				}
				if err == nil && mode != sqlRefused && fired == "BEGIN" {
					// A store may begin anew where the connection broke: nothing had happened yet.
					if before == tables(t, b.db) {
						t.Fatalf("statement %d (%s): a change that was not made is reported as made", n, fired)
					}
					continue
				}
				unknown := errors.Is(err, nguard.ErrOutcomeUnknown)
				if !errors.Is(err, nguard.ErrUnavailable) || unknown != (fired == "COMMIT" && mode != sqlRefused) {
					t.Fatalf("statement %d (%s): %v", n, fired, err)
				}
				if !unknown && (before != tables(t, b.db) || recorded != successes(t, b.db)) {
					t.Fatalf("statement %d (%s): something has changed:%s", n, fired, difference(before, tables(t, b.db)))
				}
			}
		})
	}
}
