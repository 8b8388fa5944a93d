package promises

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// K1: 20 callers refresh one token at once. All get the same successor, whatever the order of the replies.
func TestK1_ParallelRefreshes(t *testing.T) {
	eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		second := another(t, w)
		b := w.loggedIn("user")
		for round := range 4 {
			c.Advance(11 * time.Second)
			before := b.token()
			id := handleOf(b.get("/who").expect(200))
			var got [20]string
			var callers [20]*browser
			for i := range callers {
				at := []*world{w, second}[i%2]
				callers[i] = at.browser().hold(before)
			}
			crowd(20, 20, func(i int) {
				a, err := callers[i].try("POST", "/api/auth/refresh", "")
				if err != nil || a.status != 200 {
					t.Errorf("caller %d: status %d, error %v, body %s", i, a.status, err, a.raw)
				}
				got[i] = given(w, a)
			})
			for i, token := range got {
				if token != got[0] || token == before || token == "" {
					t.Fatalf("round %d: caller %d holds %q, caller 0 %q", round, i, token, got[0])
				}
			}
			for i := range callers {
				if a := callers[i].get("/who").expect(200); handleOf(a) != id || callers[i].token() != got[0] {
					t.Errorf("caller %d: session %s, token %q", i, handleOf(a), callers[i].token())
				}
			}
			b.hold(got[0])
			if live, err := w.guard.Sessions(context.Background(), "user"); err != nil || len(live) != 1 {
				t.Errorf("%d live sessions, error %v: the family was forked", len(live), err)
			}
		}
		// One rotation for each round, not one for each caller: the token of the round before the last is spent.
		c.Advance(11 * time.Second)
		if a := b.post("/public", "").expect(200); given(w, a) != "" {
			t.Errorf("parallel refreshes left a rotation due: %q", given(w, a))
		}
	})
}

// K2: the refresh has loaded the session when the session ends.
func TestK2_RefreshAgainstRevoke(t *testing.T) {
	var s *spy
	for how, end := range ends {
		t.Run(how, func(t *testing.T) {
			eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
				b := w.loggedIn("user")
				token, id := b.token(), handleOf(b.get("/who"))
				c.Advance(11 * time.Second)
				caller := b.copyOf()
				entered, release := s.hold()
				done := make(chan answer, 1)
				go func() {
					a, err := caller.try("POST", "/api/auth/refresh", "")
					if err != nil {
						t.Error(err)
					}
					done <- a
				}()
				<-entered
				end(t, w, b, id)
				close(release)
				a := <-done
				for _, dead := range []string{token, given(w, a)} {
					if dead != "" {
						w.show(dead, "GET", "/who").expect(401)
						w.show(dead, "POST", "/api/auth/refresh").expect(401)
					}
				}
				caller.get("/who").expect(401)
			}, watched(&s))
		})
	}
}

// K5: two updates that both name the version that they saw: one wins, the other is told.
func TestK5_IfMatch(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.loggedIn("user")
		for round := range 5 {
			tag := b.get("/api/auth/session").expect(200).header.Get("ETag")
			var statuses [8]atomic.Int32
			crowd(8, 8, func(i int) {
				body := fmt.Sprintf(`{"draft":"%d-%d"}`, round, i)
				if i%2 == 1 {
					body = fmt.Sprintf(`{"user":{"name":"%d-%d"}}`, round, i)
				}
				a, err := b.try("POST", "/api/auth/update", body, "If-Match: "+tag)
				if err != nil {
					t.Error(err)
				}
				statuses[i].Store(int32(a.status))
			})
			won := 0
			for i := range statuses {
				switch statuses[i].Load() {
				case 200:
					won++
				case 409:
				default:
					t.Errorf("update %d: status %d, want 200 or 409", i, statuses[i].Load())
				}
			}
			if won != 1 {
				t.Errorf("%d of 8 updates of one version succeeded, want 1", won)
			}
		}
	})
}

// K6: what starts after the demotion was answered does not pass, on another process either.
func TestK6_DemotionAgainstPrivilegedCalls(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		second := another(t, w)
		admin := w.loggedIn("admin")
		for round := range 3 {
			admin.post("/api/auth/update-role", `{"userId":"admin2","newRole":"admin"}`).expect(200)
			victim := w.loggedIn("admin2")
			var demoted atomic.Bool
			var passed, refused atomic.Int32
			var wg sync.WaitGroup
			for i := range 6 {
				caller := victim.copyOf()
				if i%2 == 1 {
					caller = caller.via(second)
				}
				wg.Go(func() {
					for late := 0; late < 3 && !t.Failed(); {
						after := demoted.Load()
						if after {
							late++
						}
						method, path, body := "GET", "/admin", ""
						if i > 3 {
							method, path, body = "POST", "/api/auth/update-role", `{"userId":"other","newRole":"moderator"}`
						}
						a, err := caller.try(method, path, body)
						switch {
						case err != nil:
							t.Error(err)
						case a.status == 200 && after:
							t.Errorf("round %d: %s passed after the demotion was answered", round, path)
						case a.status == 200:
							passed.Add(1)
						case a.status == 403:
							refused.Add(1)
						case a.status != 409:
							t.Errorf("%s: status %d: %s", path, a.status, a.raw)
						}
					}
				})
			}
			for passed.Load() < 6 && !t.Failed() {
				admin.get("/public").expect(200)
			}
			admin.post("/api/auth/update-role", `{"userId":"admin2","newRole":"user"}`).expect(200)
			demoted.Store(true)
			wg.Wait()
			if refused.Load() < 18 {
				t.Errorf("only %d calls were refused", refused.Load())
			}
		}
	})
}

// K7: 50 logins at once, at most 3 sessions: at no moment, and not afterwards, are there more.
func TestK7_ParallelLogins(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		t.Run(fmt.Sprintf("refuse %v", refuse), func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				second := another(t, w)
				stop := make(chan struct{})
				var wg sync.WaitGroup
				wg.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
						}
						if live, err := w.guard.Sessions(context.Background(), "user"); err != nil || len(live) > 3 {
							t.Errorf("%d live sessions, error %v", len(live), err)
							return
						}
					}
				})
				var mu sync.Mutex
				var tokens []string
				counts := map[int]int{}
				crowd(16, 50, func(i int) {
					b := []*world{w, second}[i%2].browser()
					a, err := b.try("POST", "/api/auth/login", `{"id":"user","password":"`+guardtest.Password+`"}`)
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					counts[a.status]++
					if a.status == 200 {
						tokens = append(tokens, given(w, a))
					}
				})
				close(stop)
				wg.Wait()
				live := 0
				for _, token := range tokens {
					if w.show(token, "GET", "/who").status == 200 {
						live++
					}
				}
				if live != 3 {
					t.Errorf("%d live tokens after 50 logins, want 3", live)
				}
				if refuse && (counts[200] != 3 || counts[403] != 47) || !refuse && counts[200] != 50 {
					t.Errorf("answers: %v", counts)
				}
			}, func(c *nguard.Config) { c.MaxSessions, c.RefuseAtCap = 3, refuse })
		})
	}
}

// K9: 1000 goroutines do everything at once to one person's sessions, below the race detector.
func TestK9_Crowd(t *testing.T) {
	for make, n := range map[string]int{"memory": 1000, "sqlite": 200} {
		t.Run(make, func(t *testing.T) {
			b := memory(t)
			if make == "sqlite" {
				b = sqlite(t)
			}
			w := newWorld(t, b)
			h := w.handler()
			token := w.loggedIn("user").token()
			var counted atomic.Int64
			d := &day{w: w, h: h}
			workers := n
			if make == "sqlite" {
				workers = 50
			}
			crowd(workers, n, func(i int) {
				var code int
				switch i % 8 {
				case 0, 1, 2:
					if code, _ = d.serve(token, "POST", "/api/visits", ""); code == 200 {
						counted.Add(1)
					}
				case 3:
					code, _ = d.serve(token, "GET", "/api/auth/session", "")
				case 4:
					code, _ = d.serve(token, "POST", "/api/auth/update", fmt.Sprintf(`{"draft":"%d"}`, i))
				case 5:
					code, _ = d.serve(token, "GET", "/api/auth/sessions", "")
				case 6:
					code, _ = d.serve(token, "POST", "/api/auth/validate", `{"token":"`+token+`"}`)
				default:
					code, _ = d.serve("", "POST", "/api/auth/login", `{"id":"other","password":"`+guardtest.Password+`"}`)
				}
				if code != 200 {
					t.Errorf("request of kind %d: status %d", i%8, code)
				}
			})
			r := httptest.NewRequest("GET", "/api/auth/session", nil)
			r.AddCookie(&http.Cookie{Name: w.guard.CookieName(), Value: token})
			rw := httptest.NewRecorder()
			h.ServeHTTP(rw, r)
			if want := fmt.Sprintf(`"visits":%d`, counted.Load()); !strings.Contains(rw.Body.String(), want+"}") && !strings.Contains(rw.Body.String(), want+",") {
				t.Errorf("want %s in %s", want, rw.Body)
			}
		})
	}
}

// K10: many people at once, some of whom leave before the answer: nobody sees another's data.
func TestK10_NobodySeesAnother(t *testing.T) {
	for name, n := range map[string]int{"memory": 1000, "sqlite": 120} {
		t.Run(name, func(t *testing.T) {
			b := memory(t)
			if name == "sqlite" {
				b = sqlite(t)
			}
			w := newWorld(t, b)
			tokens := make([]string, n)
			for i := range n {
				id := fmt.Sprintf("person-%d", i)
				w.back.put(nguard.User{ID: id, Name: id, Role: "user"})
				token, _, err := w.guard.Login(nguard.WithActor(context.Background(), id), id, nguard.LoginOptions{})
				if err != nil {
					t.Fatal(err)
				}
				tokens[i] = token
			}
			shared := w.browser().client.Transport // one pool of connections for all
			crowd(32, 2*n, func(i int) {
				who := i % n
				id := fmt.Sprintf("person-%d", who)
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				r, err := http.NewRequestWithContext(ctx, "GET", w.server.URL+"/who", nil)
				if i%3 == 1 {
					r, err = http.NewRequestWithContext(ctx, "POST", w.server.URL+"/api/auth/update", strings.NewReader(`{"draft":"of `+id+`"}`))
					r.Header.Set("Content-Type", "application/json")
				}
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("Sec-Fetch-Site", "same-origin")
				r.AddCookie(&http.Cookie{Name: w.guard.CookieName(), Value: tokens[who]})
				if i%5 == 0 {
					go cancel() // leaves at some moment of the request
				}
				resp, err := (&http.Client{Transport: shared}).Do(r)
				if err != nil {
					if i%5 != 0 {
						t.Error(err)
					}
					return
				}
				defer resp.Body.Close()
				var body strings.Builder
				buf := make([]byte, 4096)
				for {
					k, err := resp.Body.Read(buf)
					body.Write(buf[:k])
					if err != nil {
						break
					}
				}
				if i%5 == 0 {
					return
				}
				got := body.String()
				if resp.StatusCode != 200 || r.Method == "GET" && got != id || r.Method == "POST" && (!strings.Contains(got, `"draft":"of `+id+`"`) || !strings.Contains(got, `"id":"`+id+`"`)) {
					t.Errorf("%s of %s: status %d, body %s", r.Method, id, resp.StatusCode, got)
				}
				if h := given(w, answer{header: resp.Header}); h != "" && h != tokens[who] {
					t.Errorf("%s was given another token", id)
				}
			})
		})
	}
}

// K10: a row into which another one's record was put is refused, not served.
func TestK10_RecordOfAnotherKey(t *testing.T) {
	w := newWorld(t, sqlite(t))
	user, admin := w.loggedIn("user"), w.loggedIn("admin")
	uid, aid := handleOf(user.get("/who")), handleOf(admin.get("/who"))
	res, err := w.back.db.Exec("UPDATE nguard_sessions SET record = (SELECT record FROM nguard_sessions WHERE id = ?) WHERE id = ?", aid, uid)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		t.Fatalf("%d rows changed, error %v", n, err)
	}
	user.get("/admin").expect(401)
	if a := user.get("/who"); a.status != 401 {
		t.Errorf("a row with another record: status %d, body %s", a.status, a.raw)
	}
	admin.get("/admin").expect(200)
	w.awaitEvent(nguard.EventRecordUnreadable, nguard.Failure)
}
