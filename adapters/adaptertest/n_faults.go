package adaptertest

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

var failures = []rule{
	{"N2 every operation of every change", "Each change meets the failure of each single operation of store, users and sink: either the operation was not needed and the change is there, or the answer is 503.", failingOperations},
	{"N2 store down at login and logout", "Login when the store is down sets no cookie, and logout never claims what it did not reach.", failingStoreAtLogin},
	{"N4 panics anywhere", "A panic in any call is a refusal: the process lives, and the record says where.", failingByPanic},
	{"N4 an observer that panics", "Config.Observe that panics or returns nothing costs its spans and no request, also in the background, where a panic would end the process.", failingObserver},
	{"N8 corrupt record", "A stored record that cannot be read, or that names another key, is nobody's: 401, an event, the row stays for inspection, and a new login works.", corruptRecords},
	{"N9 the cause is in the log only", "A fault of the program: the client learns nothing, and the log has the cause under the request ID that the client was told.", causeInLogOnly},
	{"N11 lost reply of a rotation", "The reply to a refresh is lost, for good or for a while: the old token leads to the same successor.", lostReplyOfRotation},
	{"N11 a client that leaves", "A client that leaves in the middle of a change leaves no half of it behind.", clientLeaves},
}

// Where it is 503, nothing has changed, no cookie was touched and the person is still signed in, unless the
// answer says that the outcome is unknown.
func failingOperations(t *testing.T, k *kit) {
	for _, how := range []string{"error", "panic"} {
		t.Run(how, func(t *testing.T) {
			b, f := faulty(k.open(t))
			w := newWorld(t, b)
			t.Cleanup(f.mend)
			ids := []string{"user", "other", "admin", "admin2"}
			for _, c := range p02Changes() {
				ready := func() func() answer {
					for _, p := range People() {
						w.back.put(p)
					}
					w.clear(ids...)
					return c.ready(w)
				}
				do := ready()
				f.count()
				do()
				needed := f.count() // the failure of another operation is none
				for _, op := range append(append(append([]string{}, storeOps...), usersOps...), sinkOps...) {
					if needed[op] == 0 && !slices.Contains(sinkOps, op) { // records may come later
						continue
					}
					do := ready()
					before := w.snapshot(ids...)
					var met atomic.Bool
					f.set(func(_ context.Context, o string, run func() error) error {
						if o != op {
							return run()
						}
						met.Store(true)
						if how == "panic" {
							panic(innards)
						}
						return errBroken
					})
					a := do()
					f.mend()
					switch code := codeOf(a); {
					case a.status == 200 && w.snapshot(ids...) == before:
						t.Errorf("%s without %q: 200 and nothing has changed", c.name, op)
					case a.status == 200:
					case !met.Load():
						t.Errorf("%s: %d %s although nothing failed", c.name, a.status, a.raw)
					case code == "unavailable":
						a.outage()
						if after := w.snapshot(ids...); after != before {
							t.Errorf("%s without %q: something has changed:%s", c.name, op, difference(before, after))
						}
					case code == "outcome_unknown" && c.name == "log out all other devices" && len(a.cookies()) == 1:
						a.header.Del("Set-Cookie") // renewed before the others end: the person keeps a session whatever fails
						a.outage()
					case code == "outcome_unknown":
						a.outage()
						half := strings.HasPrefix(c.name, "theme and") && (op == "replace" || op == "bump settle") // the theme stands
						half = half || strings.HasPrefix(c.name, "login over") && op == "delete"                   // nor can the login be taken back
						half = half && !b.oneDatabase()                                                            // there nothing is done by halves
						if op != "update user" && c.name != "log out all other devices" && !half {
							t.Errorf("%s without %q: the outcome is known", c.name, op)
						}
					default:
						t.Errorf("%s without %q: %d %s", c.name, op, a.status, a.raw)
					}
				}
			}
		})
	}
}

func failingStoreAtLogin(t *testing.T, k *kit) {
	k.eachFaulty(t, func(t *testing.T, w *world, f *faults) {
		user, visitor := w.settled("user"), w.browser()
		token := user.token()
		f.broken(storeOps...)
		visitor.post("/api/auth/login", credentials).outage()
		visitor.post("/api/auth/login", `{"id":"user","password":"wrong"}`).outage() // says nothing of the password
		user.post("/api/auth/logout", "").outage()
		f.broken("delete")
		user.post("/api/auth/logout", "").outage()
		f.mend()
		if user.token() != token || visitor.token() != "" {
			t.Errorf("tokens: %q and %q", user.token(), visitor.token())
		}
		user.get("/api/auth/session").expect(200)
		visitor.get("/api/auth/session").expect(401)
		user.post("/api/auth/logout", "").expect(200)
		user.hold(token).get("/api/auth/session").expect(401)
	})
}

func failingByPanic(t *testing.T, k *kit) {
	k.eachFaulty(t, func(t *testing.T, w *world, f *faults) {
		for op, where := range map[string]string{
			"load": "store.load", "replace": "store.replace", "delete": "store.delete", "create": "store.create", "epoch": "store.epoch",
			"list": "store.list", "identify": "users.identify", "authenticate": "users.authenticate", "user": "users.user", "update user": "users.update",
		} {
			user := w.settled("user")
			before := w.snapshot("user")
			f.set(func(_ context.Context, o string, run func() error) error {
				if o == op {
					panic(innards)
				}
				return run()
			})
			switch op {
			case "load":
				user.get("/who").outage()
			case "replace":
				user.post("/api/visits", "").outage()
			case "delete":
				user.post("/api/auth/logout", "").outage()
			case "list":
				user.get("/api/auth/sessions").outage()
			case "user", "update user":
				user.post("/api/auth/update", `{"theme":"dark"}`).outage()
			default:
				w.browser().post("/api/auth/login", credentials).outage()
			}
			f.mend()
			if after := w.snapshot("user"); op != "update user" && after != before {
				t.Errorf("%s: something has changed:%s", op, difference(before, after))
			}
			w.await("the panic in "+where, func(e nguard.Event) bool {
				return e.Name == nguard.EventCrash && e.Action == where && e.RequestID != ""
			})
			w.clock.Advance(2 * time.Minute) // for the next ten
			if _, err := ability[nguard.Epochs](w.back.store).Bump(t.Context(), "user", nguard.BumpClose); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func failingObserver(t *testing.T, k *kit) {
	for name, observe := range map[string]func(context.Context, string) (context.Context, func(error)){
		"before": func(context.Context, string) (context.Context, func(error)) { panic(innards) },
		"after": func(ctx context.Context, _ string) (context.Context, func(error)) {
			return ctx, func(error) { panic(innards) }
		},
		"nil": func(context.Context, string) (context.Context, func(error)) { return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			w := k.newWorld(t, func(c *nguard.Config) { c.Observe = observe })
			user := w.settled("user")
			user.post("/api/auth/update", `{"theme":"dark"}`).expect(200)
			user.post("/api/auth/logout", "").expect(200)
			w.awaitEvent(nguard.EventLogout, nguard.Success)
			if name != "nil" {
				w.await("the panic", func(e nguard.Event) bool { return e.Name == nguard.EventCrash && e.Action == "Observe" })
			}
		})
	}
}
