package adaptertest

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

var trace = []rule{
	{"P12 every event", "Each event name is emitted, and its record says who did what to whom, with which outcome, by which rule, from where.", traceEveryEvent},
	{"P12 every refusal", "Whatever an endpoint decides leaves a record of that very request.", traceRefusals},
	{"P12 M8 canaries", "What must stay secret is in no record of any sink: passwords right and wrong, every token that was ever given out, values of private fields, and what stood in refused bodies.", traceCanaries},
	{"P12 an end beside a sweep", "A session that a sweep removes in the moment in which it is judged leaves its record all the same.", traceEndBesideSweep},
	{"P12 M10 repetitions", "Repetitions are counted, not written one by one, and no count is lost: neither when the minute is over nor when the process ends.", traceRepetitions},
	{"P12 M10 a flood of strangers", "A flood of observations by made-up people costs bounded memory, and the counts of all are kept.", traceStrangers},
	{"P12 UTC and one ID", "Records are in UTC whatever the clock's zone, and attempt and outcome carry one ID.", traceOneID},
	{"P12 logins under failure", "When logins meet failures at random places, each leaves one record of its outcome: the number of events is the number of requests.", traceLoginsUnderFailure},
}

func traceEveryEvent(t *testing.T, k *kit) {
	events := p12Events()
	for _, name := range slices.Sorted(maps.Keys(events)) {
		for i, test := range events[name] {
			t.Run(fmt.Sprint(name, " ", i), func(t *testing.T) {
				b, f := faulty(k.open(t))
				if b.db != nil && test.flood {
					t.Skip("not for this backing: the backlog is the same for every store, and fills slowly with this one")
				}
				w := newWorld(t, b, func(c *nguard.Config) {
					c.Namespace = "tenant"
					c.Hooks = nguard.Hooks{}
					if test.config != nil {
						test.config(c)
					}
				})
				t.Cleanup(f.mend)
				test.do(w, f)
				f.mend()
				test.want.Name = name
				e := w.await(fmt.Sprintf("%s %+v", name, test.want), func(e nguard.Event) bool { return like(e, test.want) })
				if e.ID == "" || e.Time.IsZero() || e.Class == "" || e.Outcome == "" || e.Namespace != "tenant" {
					t.Errorf("incomplete: %+v", e)
				}
				if !test.job && (e.RequestID == "" || e.IP != "127.0.0.1" || e.UserAgent == "" || e.Method == "" || e.Path == "") {
					t.Errorf("the request is not described: %+v", e)
				}
			})
		}
	}
}

func traceRefusals(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		w.back.put(nguard.User{ID: "admin2", Name: "Abe", Role: "user"})
		user, admin, visitor := w.settled("user"), w.settled("admin"), w.browser()
		id := handleOf(user.get("/who"))
		big := `{"theme":"` + strings.Repeat("x", 11<<10) + `"}`
		for i, r := range []struct {
			b                  *browser
			method, path, body string
			headers            []string
			status             int
		}{
			{visitor, "POST", "/api/auth/login", `{"id":"user","password":"wrong"}`, nil, 401},
			{visitor, "POST", "/api/auth/login", `{"id":"user"}`, nil, 400},
			{visitor, "POST", "/api/auth/login", `{"id":`, nil, 400},
			{visitor, "POST", "/api/auth/login", `{"id":"user","password":"p","remember":"yes"}`, nil, 400},
			{visitor, "POST", "/api/auth/login", `id=user`, []string{"Content-Type: application/x-www-form-urlencoded"}, 415},
			{visitor, "POST", "/api/auth/login", big, nil, 413},
			{user, "POST", "/api/auth/update", `{"theme":`, nil, 400},
			{user, "POST", "/api/auth/update", `{"bogus":1}`, nil, 400},
			{user, "POST", "/api/auth/update", `{}`, nil, 400},
			{user, "POST", "/api/auth/update", `{"theme":"pink"}`, nil, 400},
			{user, "POST", "/api/auth/update", `{"role":"admin"}`, nil, 403},
			{user, "POST", "/api/auth/update", `{"user":{"id":"admin"}}`, nil, 403},
			{user, "POST", "/api/auth/update", big, nil, 413},
			{user, "POST", "/api/auth/update", `{"theme":"dark"}`, []string{"Content-Type: text/html"}, 415},
			{user, "POST", "/api/auth/update", `{"theme":"dark"}`, []string{`If-Match: "` + id + `.77"`}, 409},
			{user, "POST", "/api/auth/update", `{"theme":"dark"}`, []string{`If-Match: "x"`}, 400},
			{user, "POST", "/api/auth/update", `{"theme":"dark"}`, []string{"Origin: https://evil.example"}, 403},
			{user, "POST", "/api/auth/profile", `[]`, nil, 400},
			{user, "POST", "/api/auth/update-role", `{"userId":"other","newRole":"admin"}`, nil, 403},
			{user, "POST", "/api/auth/update-role", `{"userId":"ghost","newRole":"admin"}`, nil, 403},
			{admin, "POST", "/api/auth/update-role", `{"userId":"ghost","newRole":"user"}`, nil, 404},
			{admin, "POST", "/api/auth/update-role", `{"userId":"user","newRole":"ghost"}`, nil, 400},
			{admin, "POST", "/api/auth/update-role", `{"userId":["user"],"newRole":"user"}`, nil, 400},
			{admin, "POST", "/api/auth/update-role", `{"userId":"admin","newRole":"user"}`, nil, 403},
			{admin, "POST", "/api/auth/update-role", `nonsense`, nil, 400},
			{user, "GET", "/api/auth/users/admin/sessions", "", nil, 403},
			{user, "DELETE", "/api/auth/users/admin/sessions", "", nil, 403},
			{user, "DELETE", "/api/auth/sessions/AAAAAAAAAAAAAAAAAAAAAA", "", nil, 404},
			{admin, "GET", "/api/auth/users/ghost/sessions", "", nil, 404},
			{user, "GET", "/api/auth/nothing", "", nil, 404},
			{user, "PUT", "/api/auth/update", "", nil, 405},
			{user, "GET", "/admin", "", nil, 403},
			{visitor, "GET", "/admin", "", nil, 401},
		} {
			request := fmt.Sprintf("request-%d", i)
			r.b.do(r.method, r.path, r.body, append(r.headers, "X-Request-Id: "+request, "User-Agent: tester/1.0")...).expect(r.status)
			w.clock.Advance(time.Minute / 4) // so that nothing is taken for a repetition
			w.await(fmt.Sprintf("%s %s %.40s (%d)", r.method, r.path, r.body, r.status), func(e nguard.Event) bool {
				return e.RequestID == request && e.Outcome != nguard.Success && e.Outcome != nguard.Attempt &&
					e.IP == "127.0.0.1" && e.UserAgent == "tester/1.0" && e.Method == r.method && e.Action != "" &&
					(r.b == visitor || e.Name == nguard.EventCSRF || e.Actor != "")
			})
		}
	}, func(c *nguard.Config) { c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
}

func traceEndBesideSweep(t *testing.T, k *kit) {
	k.eachFaulty(t, func(t *testing.T, w *world, f *faults) {
		user := w.settled("user")
		f.set(func(_ context.Context, op string, run func() error) error {
			switch op {
			case "sweep":
				return nil // this one comes later, just before the delete
			case "delete":
				if err := run(); err != nil {
					t.Errorf("nothing to sweep: %v", err)
				}
			}
			return run()
		})
		w.clock.Advance(2 * time.Hour)
		user.get("/who").expect(401)
		w.await("the end", func(e nguard.Event) bool {
			return e.Name == nguard.EventSessionExpired && e.Target == "user" && e.Reason == "idle limit" && e.RequestID != ""
		})
	})
}

func traceOneID(t *testing.T, k *kit) {
	zone := time.FixedZone("far", 5*3600+1800)
	var mu sync.Mutex
	var events []nguard.Event
	b := k.open(t)
	inner := b.sink
	b.sink = nguard.SinkFunc(func(ctx context.Context, e nguard.Event) error {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, e)
		return inner.Record(ctx, e)
	})
	w := newWorld(t, b, func(c *nguard.Config) {
		now := c.Now
		c.Now = func() time.Time { return now().In(zone) }
	})
	user, admin := w.settled("user"), w.settled("admin")
	user.get("/admin").expect(403)
	admin.post("/api/auth/update-role", `{"userId":"user","newRole":"moderator"}`).expect(200)
	user.post("/api/auth/update", `{"draft":"a"}`).expect(200)
	user.post("/api/auth/logout", "").expect(200)
	if err := w.guard.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	attempts := map[string]string{}
	for _, e := range events {
		if e.Time.Location() != time.UTC {
			t.Errorf("%s is in the zone %v", e.Name, e.Time.Location())
		}
		if e.Outcome == nguard.Attempt {
			attempts[e.ID] = e.Name
		} else if attempts[e.ID] == e.Name {
			delete(attempts, e.ID)
		}
	}
	if len(attempts) > 0 || len(events) < 10 {
		t.Errorf("%d records; attempts without an outcome: %v", len(events), attempts)
	}
}
