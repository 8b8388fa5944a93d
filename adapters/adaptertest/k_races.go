package adaptertest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// The rules of checklist K about what happens at the same time.
var races = []rule{
	{"K1 parallel refreshes", "20 callers that refresh one token at once all get the same successor, whatever the order of the replies.", raceRefreshes},
	{"K2 refresh against the end", "A refresh that has loaded the session when the session ends brings nothing back.", raceRefreshAndEnd},
	{"K5 two updates of one version", "Of updates that all name the version that they saw, one wins, and the others are told.", raceIfMatch},
	{"K6 demotion against privileged calls", "What starts after a demotion was answered does not pass, on another process either.", raceDemotion},
	{"K7 parallel logins", "With 50 logins at once and at most 3 sessions there are more at no moment, and not afterwards.", raceLogins},
}

func raceRefreshes(t *testing.T, k *kit) {
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
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
				if !w.sameToken(token, got[0]) || w.sameToken(token, before) || token == "" {
					t.Fatalf("round %d: caller %d holds %q, caller 0 %q", round, i, token, got[0])
				}
			}
			for i := range callers {
				if a := callers[i].get("/who").expect(200); handleOf(a) != id || !w.sameToken(callers[i].token(), got[0]) {
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

func raceRefreshAndEnd(t *testing.T, k *kit) {
	var s *spy
	for how, end := range ends {
		t.Run(how, func(t *testing.T) {
			k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
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

func raceIfMatch(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
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

func raceDemotion(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
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

func raceLogins(t *testing.T, k *kit) {
	for _, refuse := range []bool{false, true} {
		t.Run(fmt.Sprintf("refuse %v", refuse), func(t *testing.T) {
			k.each(t, func(t *testing.T, w *world) {
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
