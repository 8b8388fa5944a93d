package promises

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/stores/memstore"
)

// tally counts the calls that reach a store, and can make reads fail.
type tally struct {
	nguard.Store
	creates, replaces, touches, deletes, bumps atomic.Int64
	down                                       atomic.Bool
}

func (s *tally) Unwrap() any { return s.Store }

func (s *tally) Create(ctx context.Context, r *nguard.Record, c nguard.Cap) (nguard.Created, error) {
	s.creates.Add(1)
	return s.Store.Create(ctx, r, c)
}

func (s *tally) Load(ctx context.Context, token string) (nguard.Found, error) {
	if s.down.Load() {
		return nguard.Found{}, errors.New("canary: store is down at db.internal:5432")
	}
	return s.Store.Load(ctx, token)
}

func (s *tally) Replace(ctx context.Context, f nguard.Found, next *nguard.Record, rotate bool) (nguard.Found, error) {
	s.replaces.Add(1)
	return s.Store.Replace(ctx, f, next, rotate)
}

func (s *tally) Touch(ctx context.Context, f nguard.Found, at time.Time) (nguard.Found, error) {
	s.touches.Add(1)
	return s.Store.Touch(ctx, f, at)
}

func (s *tally) Delete(ctx context.Context, owner, id string) error {
	s.deletes.Add(1)
	return s.Store.Delete(ctx, owner, id)
}

func (s *tally) Epoch(ctx context.Context, owner string) (nguard.Epoch, error) {
	return s.Store.(nguard.Epochs).Epoch(ctx, owner)
}

func (s *tally) Bump(ctx context.Context, owner string, b nguard.Bump) (nguard.Epoch, error) {
	s.bumps.Add(1)
	return s.Store.(nguard.Epochs).Bump(ctx, owner, b)
}

// writes is everything but reads.
func (s *tally) writes() int64 {
	return s.creates.Load() + s.replaces.Load() + s.touches.Load() + s.deletes.Load() + s.bumps.Load()
}

// tallied is a world in memory whose store is counted.
func tallied(t testing.TB, options ...func(*nguard.Config)) (*world, *tally) {
	t.Helper()
	b := memory(t)
	s := &tally{Store: b.store}
	b.store = s
	return newWorld(t, b, options...), s
}

// issuedElsewhere is a well-formed token that this world never gave out: another program's.
func issuedElsewhere(t testing.TB, userID string) string {
	t.Helper()
	g := guardtest.New(t, nguard.Config{}, people()...)
	token, _, err := g.Login(nguard.WithActor(context.Background(), userID), userID, nguard.LoginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// count is how many live sessions the person has.
func (w *world) count(userID string) int {
	w.t.Helper()
	list, err := w.guard.Sessions(context.Background(), userID)
	if err != nil {
		w.t.Fatal(err)
	}
	return len(list)
}

const credentials = `{"id":"user","password":"` + guardtest.Password + `"}`

func TestA1_APlantedTokenIsNeverAdopted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		planted := issuedElsewhere(t, "user")
		victim := w.browser().hold(planted)
		victim.get("/who").expect(401)
		w.await("the unknown token", func(e nguard.Event) bool { return e.Name == nguard.EventUseAfterExpire })
		a := victim.login("user")
		if victim.token() == planted || strings.Contains(string(a.raw), planted) {
			t.Error("the planted token was adopted")
		}
		victim.get("/who").expect(200)
		w.browser().hold(planted).get("/who").expect(401)
		if n := w.count("user"); n != 1 {
			t.Errorf("%d sessions after one login", n)
		}
	})
}

// A2 needs anonymous sessions, which do not exist yet: no visitor has anything that could move over.
func TestA2_VisitorsHaveNothingToBringAlong(t *testing.T) {
	w, store := tallied(t)
	visitor := w.browser()
	for _, path := range []string{"/public", "/who", "/api/auth/session", "/api/auth/validate"} {
		if a := visitor.get(path); len(a.header["Set-Cookie"]) != 0 || a.header.Get(nguard.VersionHeader) != "" {
			t.Errorf("GET %s gave a visitor Set-Cookie %q", path, a.header["Set-Cookie"])
		}
	}
	visitor.post("/api/visits", "").expect(401)
	visitor.post("/api/auth/update", `{"theme":"dark"}`).expect(401)
	if n := store.writes(); n != 0 {
		t.Errorf("%d writes for a visitor", n)
	}
}

func TestA3_ALoginOnAnotherPersonsSessionEndsIt(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.loggedIn("user")
		b.post("/api/auth/update", `{"draft":"of user","theme":"dark"}`).expect(200)
		b.post("/api/visits", "").expect(200)
		old := b.copyOf()
		a := b.login("other")
		if strings.Contains(string(a.raw), "of user") || a.at("session", "data", "visits") != 0.0 || a.at("session", "data", "theme") != "light" {
			t.Errorf("data of the old session in the new one: %s", a.raw)
		}
		old.get("/who").expect(401)
		if got := b.get("/who").text(); got != "other" {
			t.Errorf("signed in as %q", got)
		}
		if n := w.count("user"); n != 0 {
			t.Errorf("%d sessions of the first person live", n)
		}
		w.await("the end of the first session", func(e nguard.Event) bool { return e.Name == nguard.EventLogout && e.Target == "user" })

		// The same person again: the old session ends too, and does not count twice.
		old = b.copyOf()
		b.login("other")
		old.get("/who").expect(401)
		if n := w.count("other"); n != 1 {
			t.Errorf("%d sessions after logging in twice in one browser", n)
		}
	})
}

func TestA4_ATokenCountsInTheCookieOnly(t *testing.T) {
	w := newWorld(t, memory(t))
	victim := w.loggedIn("user")
	token, name := victim.token(), w.guard.CookieName()
	thief := w.browser()
	for _, query := range []string{"token=", "session=", "nguard-session=", name + "=", "access_token=", "sid="} {
		thief.get("/who?" + query + token).expect(401)
		thief.get("/api/auth/session?" + query + token).expect(401)
		if a := thief.get("/api/auth/validate?" + query + token).expect(200); a.at("valid") != false {
			t.Errorf("valid by query %s", query)
		}
	}
	for _, header := range []string{"Authorization: Bearer ", "Authorization: ", "X-Session-Token: ", "X-Auth-Token: ", "X-Session: ", "Nguard-Session: ", "Cookie2: " + name + "=", "Set-Cookie: " + name + "=", name + ": "} {
		w.sends(w.written("GET", "/who", "", header+token)).expect(401)
	}
	thief.get("/" + token).expect(404)
	thief.get("/api/auth/session/" + token).expect(404)
	thief.get("/api/auth/sessions/" + token).expect(404)
	form := name + "=" + token + "&token=" + token
	thief.do("POST", "/api/visits", form, "Content-Type: application/x-www-form-urlencoded").expect(401)
	for _, path := range []string{"logout", "refresh", "update", "profile", "update-role"} {
		a := thief.post("/api/auth/"+path, `{"token":"`+token+`","`+name+`":"`+token+`","theme":"dark","name":"x"}`)
		if path == "logout" && a.status != 200 || path != "logout" && a.status != 401 {
			t.Errorf("%s with a token in its body: status %d", path, a.status)
		}
	}
	a := thief.post("/api/auth/validate", `{"token":"`+token+`"}`).expect(200)
	if a.at("valid") != true || a.at("session", "user", "id") != "user" {
		t.Errorf("POST validate: %s", a.raw)
	}
	if len(a.header["Set-Cookie"]) != 0 || a.header.Get(nguard.VersionHeader) != "" || thief.token() != "" {
		t.Error("POST validate signed the caller in")
	}
	thief.do("POST", "/api/auth/validate", `{"token":"`+token+`"}`, "Sec-Fetch-Site: cross-site", "Origin: https://evil.example").expect(403)
	victim.get("/who").expect(200)
}

func TestA4_ValidatingATokenIsLimited(t *testing.T) {
	w := newWorld(t, memory(t), func(c *nguard.Config) { c.Limits.Read = refusing{} })
	w.browser().post("/api/auth/validate", `{"token":"`+issuedElsewhere(t, "user")+`"}`).expect(429)
}

// refusing is a limiter at its limit.
type refusing struct{}

func (refusing) Take(context.Context, nguard.Caller, int) (nguard.Quota, error) {
	return nguard.Quota{Name: "full", Limit: 5, Window: time.Minute, Reset: 90 * time.Second, RetryAfter: 1500 * time.Millisecond, Policy: `"full";q=5;w=60`}, nil
}

// A token in the cookie and another in the body of POST validate are two questions on one request.
func TestA4_ValidateLooksUpBesideTheCallersOwnSession(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b, other := w.loggedIn("user"), w.loggedIn("other")
		for range 2 {
			a := b.post("/api/auth/validate", `{"token":"`+other.token()+`"}`).expect(200)
			if a.at("session", "user", "id") != "other" {
				t.Errorf("POST validate: %s", a.raw)
			}
		}
		if b.get("/who").text() != "user" {
			t.Error("the caller has become another")
		}
	})
}

func TestA5_StepUpAndRoleChangeReplaceTheToken(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.loggedIn("user")
		old := b.copyOf()
		b.post("/step-up", "").expect(200)
		if b.token() == old.token() {
			t.Error("step-up kept the token")
		}
		old.get("/who").expect(401)
		b.get("/who").expect(200)

		old = b.copyOf()
		b.do("DELETE", "/api/auth/sessions", "").expect(200)
		if b.token() == old.token() {
			t.Error("ending all others kept the token")
		}
		old.get("/who").expect(401)
		b.get("/who").expect(200)

		// One's own role: the earlier token works until the later one was seen, and 10 s more.
		admin := w.loggedIn("admin2")
		w.clock.Advance(nguard.Grace + time.Second)
		old = admin.copyOf()
		a := admin.post("/api/auth/update-role", `{"userId":"admin2","newRole":"moderator"}`).expect(200)
		if admin.token() == old.token() || len(a.header["Set-Cookie"]) != 1 {
			t.Fatal("a change of one's own role kept the token")
		}
		old.copyOf().get("/who").expect(200)
		old.copyOf().get("/admin").expect(403)
		admin.get("/who").expect(200)
		w.clock.Advance(nguard.Grace - 2*time.Second)
		old.copyOf().get("/who").expect(200)
		w.clock.Advance(3 * time.Second)
		old.get("/who").expect(401)

		// Somebody else's: their token is replaced at their next write.
		person, root := w.loggedIn("other"), w.loggedIn("admin")
		root.post("/api/auth/update-role", `{"userId":"other","newRole":"moderator"}`).expect(200)
		w.clock.Advance(nguard.Grace + time.Second)
		before := person.token()
		person.post("/api/visits", "").expect(200)
		if person.token() == before {
			t.Error("the token of a person with a new role was kept at their next write")
		}
	})
}

func TestA6_SafeMethodsNeitherCreateNorEndSessions(t *testing.T) {
	w, store := tallied(t)
	b := w.loggedIn("admin")
	b.get("/who").expect(200)
	w.clock.Advance(2 * time.Hour / 3) // an aged token, an idle clock that is due
	token, handle := b.token(), w.handle("admin")
	created, deleted := store.creates.Load(), store.deletes.Load()
	for _, path := range []string{"login", "logout", "session", "validate", "update", "profile", "update-role", "refresh", "sessions", "sessions/" + handle,
		"users/admin/sessions", "users/admin/sessions/" + handle} {
		for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
			for name, who := range map[string]*browser{"signed in": b, "visitor": w.browser()} {
				for _, extra := range [][]string{nil, {"Sec-Purpose: prefetch", "Purpose: prefetch"}, {"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"}} {
					a := who.do(method, "/api/auth/"+path+"?id=user&password="+guardtest.Password, "", extra...)
					if len(a.header["Set-Cookie"]) != 0 {
						t.Errorf("%s %s, %s: Set-Cookie %q", method, path, name, a.header["Set-Cookie"])
					}
				}
			}
		}
	}
	if store.creates.Load() != created || store.deletes.Load() != deleted || store.replaces.Load() != 0 || store.bumps.Load() != 0 {
		t.Errorf("safe methods wrote: %d created, %d deleted, %d replaced, %d bumped", store.creates.Load()-created, store.deletes.Load()-deleted, store.replaces.Load(), store.bumps.Load())
	}
	if n := store.touches.Load(); n > 1 {
		t.Errorf("the idle clock was written %d times", n)
	}
	b.get("/who").expect(200)
	if b.token() != token || w.count("admin") != 1 {
		t.Error("the session is not what it was")
	}
}

// handle is the public ID of the only session of a person.
func (w *world) handle(userID string) string {
	w.t.Helper()
	list, err := w.guard.Sessions(context.Background(), userID)
	if err != nil || len(list) != 1 {
		w.t.Fatalf("%d sessions of %s, %v", len(list), userID, err)
	}
	return list[0].ID()
}

func TestA7_AFloodWritesNothing(t *testing.T) {
	w, store := tallied(t)
	victim := w.loggedIn("user")
	before := store.writes()
	wellFormed := issuedElsewhere(t, "user")
	c := dialWire(t, w.addr())
	for i := range 500 {
		made := strings.Repeat("A", i%80)
		c.ask(w.written("GET", "/api/auth/session", "", w.by(made))).expect(401)
		c.ask(w.written("POST", "/api/auth/logout", "", sameOrigin, w.by(made))).expect(200)
		c.ask(w.written("POST", "/api/auth/logout", "", sameOrigin)).expect(200)
		c.ask(w.written("POST", "/api/auth/refresh", "", sameOrigin)).expect(401)
	}
	for range 100 {
		c.ask(w.written("POST", "/api/auth/logout", "", sameOrigin, w.by(wellFormed))).expect(200)
	}
	if n := store.writes() - before; n != 0 {
		t.Errorf("a flood made %d writes", n)
	}
	if n := len(w.back.read()); n > 100 {
		t.Errorf("a flood made %d records", n)
	}
	victim.get("/who").expect(200)
}

// A value whose check fails is known to be made up without asking the backend: this one would panic.
func TestA7_MadeUpValuesCostNoRead(t *testing.T) {
	store := nguard.Keyed(nowhere{})
	for _, value := range []string{"", "x", strings.Repeat("A", 71), strings.Repeat("A", 72), strings.Repeat("A", 73), strings.Repeat("\xff", 72)} {
		if _, err := store.Load(context.Background(), value); !errors.Is(err, nguard.ErrMalformed) {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func TestA7_AFloodLeavesTheTablesAsTheyAre(t *testing.T) {
	b := sqlite(t)
	w := newWorld(t, b)
	w.loggedIn("user")
	before := w.rowCounts()
	c := dialWire(t, w.addr())
	for range 50 {
		c.ask(w.written("GET", "/who", "", w.by(issuedLocally(t)))).expect(401)
		c.ask(w.written("POST", "/api/auth/logout", "", sameOrigin, w.by(strings.Repeat("x", 72)))).expect(200)
	}
	if after := w.rowCounts(); after != before {
		t.Errorf("rows before %s, after %s", before, after)
	}
}

// issuedLocally makes well-formed tokens fast.
func issuedLocally(t testing.TB) string {
	t.Helper()
	created, err := nguard.Keyed(nowhere{}).Create(context.Background(), &nguard.Record{Owner: "user"}, nguard.Cap{})
	if err != nil {
		t.Fatal(err)
	}
	return created.Live
}

// nowhere is a backend that keeps nothing.
type nowhere struct{ nguard.Backend }

func (nowhere) Insert(context.Context, nguard.Row, nguard.Cap) ([]string, error) { return nil, nil }

// rowCounts is the number of rows of each table of sessions and people, as text.
func (w *world) rowCounts() string {
	w.t.Helper()
	rows, err := w.back.db.Query(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%audit%' ORDER BY name`)
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			w.t.Fatal(err)
		}
		names = append(names, name)
	}
	rows.Close()
	var out strings.Builder
	for _, name := range names {
		var n string
		if err := w.back.db.QueryRow(`SELECT count(*) FROM "` + name + `"`).Scan(&n); err != nil {
			w.t.Fatal(err)
		}
		out.WriteString(name + "=" + n + " ")
	}
	return out.String()
}

// 10^5 tokens and handles: none twice, and every bit of the random part set in about half of them, so that
// no part tells of the time, the user or the one before.
func TestA8_TokensAndHandlesAreRandomThroughout(t *testing.T) {
	const n = 100_000
	store := nguard.Keyed(nowhere{})
	now := time.Now()
	tokens, handles := make(map[string]struct{}, n), make(map[string]struct{}, n)
	var tokenBits [48 * 8]int
	var handleBits [16 * 8]int
	for range n {
		c, err := store.Create(context.Background(), &nguard.Record{Owner: "user", Created: now, Expires: now.Add(time.Hour)}, nguard.Cap{})
		if err != nil {
			t.Fatal(err)
		}
		tokens[c.Live], handles[c.ID] = struct{}{}, struct{}{}
		raw, err := base64.RawURLEncoding.Strict().DecodeString(c.Live)
		if err != nil || len(raw) != 54 {
			t.Fatalf("token %q: %d bytes, %v", c.Live, len(raw), err)
		}
		for i := range tokenBits {
			tokenBits[i] += int(raw[i/8] >> (i % 8) & 1)
		}
		id, err := base64.RawURLEncoding.Strict().DecodeString(c.ID)
		if err != nil || len(id) != 16 {
			t.Fatalf("handle %q: %d bytes, %v", c.ID, len(id), err)
		}
		for i := range handleBits {
			handleBits[i] += int(id[i/8] >> (i % 8) & 1)
		}
		if strings.Contains(c.Live, c.ID) {
			t.Fatal("the token holds the handle")
		}
	}
	if len(tokens) != n || len(handles) != n {
		t.Errorf("%d tokens and %d handles of %d are different", len(tokens), len(handles), n)
	}
	const six = 950 // standard deviations of 10^5 coin tosses
	for i, set := range append(tokenBits[:], handleBits[:]...) {
		if set < n/2-six || set > n/2+six {
			t.Errorf("bit %d is set in %d of %d", i, set, n)
		}
	}
}

// brokenRandom gives some bytes and then an error, or the end.
type brokenRandom struct {
	left int
	err  error
}

func (r *brokenRandom) Read(p []byte) (int, error) {
	n := min(r.left, len(p))
	r.left -= n
	if n < len(p) {
		return n, r.err
	}
	return n, nil
}

// Not parallel: it replaces the source of randomness of the process.
func TestA9_WithoutRandomnessThereIsNoToken(t *testing.T) {
	real := rand.Reader
	defer func() { rand.Reader = real }()
	for name, broken := range map[string]func() io.Reader{
		"error":      func() io.Reader { return &brokenRandom{0, errors.New("canary: no entropy")} },
		"short read": func() io.Reader { return &brokenRandom{40, io.EOF} },
		"end":        func() io.Reader { return &brokenRandom{0, io.EOF} },
	} {
		w := newWorld(t, memory(t))
		b := w.loggedIn("user") // so that the epoch exists, which is no secret and whose making ends the process
		w.clock.Advance(nguard.Grace + time.Second)
		sessions, before := w.count("user"), b.token()
		newcomer := w.browser()
		rand.Reader = broken()
		login := newcomer.post("/api/auth/login", credentials)
		rand.Reader = broken()
		step := b.post("/step-up", "")
		rand.Reader = &brokenRandom{0, io.ErrUnexpectedEOF} // a salt is shorter than a token
		refresh := b.post("/api/auth/refresh", "")
		rand.Reader = real
		for what, a := range map[string]answer{"login": login, "refresh": refresh, "step-up": step} {
			if a.status < 500 || len(a.header["Set-Cookie"]) != 0 || strings.Contains(string(a.raw), "canary") {
				t.Errorf("%s, %s: status %d, Set-Cookie %q, body %s", name, what, a.status, a.header["Set-Cookie"], a.raw)
			}
		}
		if n := w.count("user"); n != sessions || b.token() != before || newcomer.token() != "" {
			t.Errorf("%s: %d sessions, before %d", name, n, sessions)
		}
		b.get("/who").expect(200)
		newcomer.login("user")
	}
}

func TestA9_TheStoreFailsRatherThanRepeat(t *testing.T) {
	real := rand.Reader
	defer func() { rand.Reader = real }()
	for _, bytes := range []int{0, 1, 16, 47} {
		rand.Reader = &brokenRandom{bytes, io.EOF}
		c, err := nguard.Keyed(nowhere{}).Create(context.Background(), &nguard.Record{Owner: "user"}, nguard.Cap{})
		if err == nil || c.Live != "" {
			t.Errorf("with %d random bytes: token %q, error %v", bytes, c.Live, err)
		}
	}
}

// One guard around another, as when two programs are mounted in one mux: tokens of one are nothing to the other.
func TestA1_ATokenOfAnotherGuardInTheSameStoreIsNothing(t *testing.T) {
	store := memstore.New()
	newOne := func(ns string) *nguard.Guard {
		return guardtest.New(t, nguard.Config{Store: store, Namespace: ns}, people()...)
	}
	a, b := newOne("a"), newOne("b")
	token, _, err := a.Login(nguard.WithActor(context.Background(), "test"), "user", nguard.LoginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for name, g := range map[string]*nguard.Guard{"a": a, "b": b} {
		s := httptest.NewServer(httpguard.Sessions(g)(httpguard.Endpoints(g)(http.NotFoundHandler())))
		r, _ := http.NewRequest("GET", s.URL+"/api/auth/session", nil)
		r.AddCookie(&http.Cookie{Name: g.CookieName(), Value: token})
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		s.Close()
		if want := map[string]int{"a": 200, "b": 401}[name]; resp.StatusCode != want {
			t.Errorf("guard %s: status %d, want %d", name, resp.StatusCode, want)
		}
	}
}
