package adaptertest

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

func corruptRecords(t *testing.T, k *kit) {
	k.open(t).onlySQLite(t)
	for name, statement := range map[string]string{
		"garbage":            `UPDATE nguard_sessions SET record = x'ff00ff' WHERE owner = 'user'`,
		"empty":              `UPDATE nguard_sessions SET record = x'' WHERE owner = 'user'`,
		"cut":                `UPDATE nguard_sessions SET record = substr(record, 1, length(record) - 7) WHERE owner = 'user'`,
		"another's":          `UPDATE nguard_sessions SET record = (SELECT record FROM nguard_sessions WHERE owner = 'admin') WHERE owner = 'user'`,
		"of a later version": `UPDATE nguard_sessions SET version = version + 1 WHERE owner = 'user'`,
	} {
		t.Run(name, func(t *testing.T) {
			w := k.newWorld(t)
			user, admin := w.settled("user"), w.settled("admin")
			if _, err := w.back.db.Exec(statement); err != nil {
				t.Fatal(err)
			}
			a := user.get("/who")
			a.expect(401).discreet()
			user.get("/admin").expect(401)
			user.post("/api/visits", "").expect(401)
			w.awaitEvent(nguard.EventRecordUnreadable, nguard.Failure)
			admin.get("/admin").expect(200)
			var rows int
			if err := w.back.db.QueryRow(`SELECT count(*) FROM nguard_sessions WHERE owner = 'user'`).Scan(&rows); err != nil || rows != 1 {
				t.Errorf("%d rows are left, %v", rows, err)
			}
			user.login("user")
			if got := user.get("/who").expect(200).text(); got != "user" {
				t.Errorf("%q is signed in", got)
			}
		})
	}
}

func causeInLogOnly(t *testing.T, k *kit) {
	var mu sync.Mutex
	var logged bytes.Buffer
	w := k.newWorld(t, func(c *nguard.Config) {
		c.Log = slog.New(slog.NewJSONHandler(writerFunc(func(p []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return logged.Write(p)
		}), nil))
	})
	user := w.browserAt(w.pages(
		Route{Path: "/fault", Handle: func(c Ctx) { c.Fail(errBroken) }},
		Route{Path: "/update", Handle: func(c Ctx) {
			_, err := c.From().Update(c.Context(), func(*nguard.Draft) error { panic(innards) })
			c.Fail(err)
		}},
	))
	user.login("user")
	for _, path := range []string{"/fault", "/update"} {
		a := user.post(path, "").expect(500)
		a.discreet()
		id := a.header.Get("X-Request-Id")
		if id == "" || codeOf(a) != "internal" {
			t.Errorf("%s: request ID %q, code %q", path, id, codeOf(a))
		}
		mu.Lock()
		found := false
		for _, line := range strings.Split(logged.String(), "\n") {
			found = found || strings.Contains(line, id) && strings.Contains(line, "10.0.0.7")
		}
		mu.Unlock()
		if !found {
			t.Errorf("%s: the log does not join cause and request ID %q:\n%s", path, id, logged.String())
		}
	}
	user.get("/api/auth/session").expect(200)
}

func lostReplyOfRotation(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		user := w.settled("user")
		w.clock.Advance(nguard.Grace + time.Second)
		lost := user.copyOf()
		lost.post("/api/auth/refresh", "").expect(200) // its reply never reaches user
		successor := lost.token()
		w.clock.Advance(30 * time.Minute)
		user.get("/api/auth/session").expect(200)
		if !w.sameToken(user.token(), successor) {
			t.Error("the retry leads to another successor")
		}
		user.get("/api/auth/session").expect(200)
		lost.get("/api/auth/session").expect(200)
	})
}

func clientLeaves(t *testing.T, k *kit) {
	ops := []string{"bump open", "record attempt", "update user", "bump settle", "bump change", "replace", "record success"}
	k.eachFaulty(t, func(t *testing.T, w *world, f *faults) {
		for _, op := range ops {
			if w.back.oneDatabase() == (op == "bump open" || op == "record attempt" || op == "bump settle") ||
				!w.back.oneDatabase() && op == "bump change" {
				continue // not on this way
			}
			w.back.put(People()[3])
			user, phone := w.settled("user"), w.settled("user")
			session := handleOf(user.get("/who"))
			gone := make(chan struct{})
			ctx, leave := context.WithCancel(t.Context())
			var once sync.Once
			f.set(func(callCtx context.Context, o string, run func() error) error {
				if o == op {
					once.Do(func() { leave(); <-gone })
				}
				if err := callCtx.Err(); err != nil {
					t.Errorf("%s: %s is cancelled with the client: %v", op, o, err)
				}
				return run()
			})
			if a, err := user.tryIn(ctx, "POST", "/api/auth/update", `{"theme":"dark","draft":"x"}`); !errors.Is(err, context.Canceled) {
				t.Fatalf("%s: the client did not leave: %d %v", op, a.status, err)
			}
			close(gone)
			w.await("the change is complete", func(e nguard.Event) bool {
				return e.Name == nguard.EventUserUpdated && e.Outcome == nguard.Success && e.Session == session
			})
			f.mend()
			for _, b := range []*browser{phone, user} {
				s := b.get("/api/auth/session").expect(200)
				draft := "x"
				if b == phone || w.back.sealed != nil { // a value of the session, which was on its way in the cookie
					draft = ""
				}
				if s.at("session", "data", "theme") != "dark" || s.at("session", "data", "draft") != draft {
					t.Errorf("client left at %s: %s", op, s.raw)
				}
			}
			if open := w.epoch("user").Open; open != 0 {
				t.Errorf("client left at %s: epoch is open %d times", op, open)
			}
		}
		w.back.notSealed(t, "a value of the session is lost with the cookie that was to bring it")
	})
}
