package paritytest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
)

// A difWorld is one guard with its people, records and log. Each request of the corpus gets a new one on each
// framework, so that nothing is left over from another.
type difWorld struct {
	guard  *nguard.Guard
	users  *guardtest.Users
	sink   *audit.Memory
	log    *difLog
	secret difAliases // what differs from run to run, and what it is called
}

// difNow is the time on every framework, so that answers can be compared to the byte.
var difNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var (
	difUser  = policy.NewRole("user")
	difMod   = policy.NewRole("moderator", "posts:edit").Inherits(difUser)
	difAdmin = policy.NewRole("admin", "*").Inherits(difMod)

	difVisits = &nguard.Field[int]{Name: "visits"}
	difFields = []nguard.AnyField{
		&nguard.Field[string]{Name: "theme", Default: "light", OneOf: []string{"light", "dark"}, Write: policy.Self, Scope: nguard.InUser},
		&nguard.Field[string]{Name: "draft", Write: policy.Self},
		&nguard.Field[string]{Name: "user.name", Write: policy.Self, Scope: nguard.InUser},
		&nguard.Field[string]{Name: "user.email", Write: policy.Self, Scope: nguard.InUser},
		&nguard.Field[string]{Name: "role", OneOf: []string{"user", "moderator", "admin"}, Write: difAdmin, Scope: nguard.InUser, Rotate: true},
		&nguard.Field[[]string]{Name: "permissions", Write: difAdmin, Scope: nguard.InUser, Rotate: true},
		difVisits,
	}
)

// difPeople are signed in once each in every world, as {user}, {other} and {admin}.
var difPeople = []nguard.User{
	{ID: "user", Name: "Uma User", Email: "user@example.com", Role: "user"},
	{ID: "other", Name: "Otto Other", Email: "other@example.com", Role: "user"},
	{ID: "admin", Name: "Ada Admin", Email: "admin@example.com", Role: "admin"},
}

// difVariant is one way to set the application up.
type difVariant string

// The variants. All but these settings are the defaults.
const (
	difPlain   difVariant = ""        // everything at the top
	difOwn     difVariant = "own"     // Endpoints(except login) and a login handler of the application's own
	difMount   difVariant = "mount"   // everything of nguard below /app
	difPage    difVariant = "page"    // Config.LoginPage
	difProxied difVariant = "proxied" // Config.Proxies names 127.0.0.1 and 10.0.0.0/8
	difOrigins difVariant = "origins" // Config.Origins
	difStream  difVariant = "stream"  // fiber.Config.StreamRequestBody; the others stream anyway
	difErrors  difVariant = "errors"  // fiber.Config.ErrorHandler is fiberguard's; no other framework has one
)

func newDifWorld(t testing.TB, v difVariant) *difWorld {
	t.Helper()
	model, err := policy.NewModel(policy.Config{Roles: []*policy.Role{difUser, difMod, difAdmin}, Permissions: []policy.Permission{"posts:edit"}})
	if err != nil {
		t.Fatal(err)
	}
	w := &difWorld{users: guardtest.NewUsers(difPeople...), sink: audit.NewMemory(1000), log: &difLog{}}
	c := nguard.Config{
		Users: w.users, Roles: model, Fields: difFields, Audit: w.sink, Now: func() time.Time { return difNow },
		Log: slog.New(slog.NewTextHandler(w.log, nil)),
	}
	switch v {
	case difPage:
		c.LoginPage = "/login"
	case difProxied:
		c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	case difOrigins:
		c.Origins = []string{"https://app.example", "https://admin.example:8443"}
	}
	w.guard = guardtest.New(t, c)
	for _, p := range difPeople {
		w.signIn(t, p.ID, p.ID)
	}
	w.signIn(t, "user", "dead")
	if err := w.guard.Revoke(nguard.WithActor(context.Background(), "setup"), "user", w.secret.value("{handle:dead}")); err != nil {
		t.Fatal(err)
	}
	w.secret.add("{token:unknown}", difUnknownToken())
	return w
}

// signIn starts a session of a person and names its token and handle.
func (w *difWorld) signIn(t testing.TB, id, name string) {
	t.Helper()
	token, s, err := w.guard.Login(nguard.WithActor(context.Background(), id), id, nguard.LoginOptions{Methods: []string{"test"}})
	if err != nil {
		t.Fatal(err)
	}
	w.secret.add("{token:"+name+"}", token)
	w.secret.add("{handle:"+name+"}", s.ID())
}

// difUnknownToken has the form of a token of this program, and was never issued.
func difUnknownToken() string {
	raw := make([]byte, 48)
	sum := sha256.Sum256(append([]byte("nguard check"), raw...))
	return base64.RawURLEncoding.EncodeToString(append(raw, sum[:6]...))
}

// fill puts what this world issued in the places where a request names it.
func (w *difWorld) fill(raw string) string {
	raw = strings.ReplaceAll(raw, "{cookie:", "{name}={token:")
	return w.secret.fill(strings.ReplaceAll(raw, "{name}", w.guard.CookieName()))
}

// state is what is stored: who has which sessions with what in them, and the users table.
func (w *difWorld) state(t testing.TB) string {
	t.Helper()
	var lines []string
	for _, p := range difPeople {
		u, err := w.users.User(context.Background(), p.ID)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("person %s: %+v", p.ID, u))
		sessions, err := w.guard.Sessions(context.Background(), p.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range sessions {
			shown, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			if !w.secret.knows(s.ID()) {
				w.secret.found("{handle:new-%d}", s.ID())
			}
			lines = append(lines, w.secret.hide(fmt.Sprintf("session %s of %s: version %d, device %q, ip %s, remembered %v, %s",
				s.ID(), p.ID, s.Version(), s.Device(), s.IP(), s.Remembered(), shown)))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// records are what the requests left in the sink. Those of the setup name no method. They are sorted: some
// are written by a goroutine, and in which order they arrive is no part of any decision.
func (w *difWorld) records(t testing.TB) string {
	t.Helper()
	if err := w.guard.Shutdown(context.Background()); err != nil { // writes the backlog
		t.Fatal(err)
	}
	var lines []string
	for _, e := range w.sink.Events() {
		if e.Method == "" {
			continue
		}
		if !strings.HasPrefix(e.RequestID, "from-proxy") {
			e.RequestID = ""
		}
		e.ID, e.Time = "", time.Time{}
		line, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, w.secret.hide(string(line)))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// difLog keeps what Config.Log was told.
type difLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *difLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String is the log without times and request IDs, which are random.
func (l *difLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return difRandomID.ReplaceAllString(difLogTime.ReplaceAllString(l.b.String(), ""), "request_id={id}")
}

// difLimit allows one request of each caller and address, and says so in every header that there is.
type difLimit struct {
	mu   sync.Mutex
	seen map[nguard.Caller]bool
}

func (l *difLimit) Take(_ context.Context, c nguard.Caller, _ int) (nguard.Quota, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := nguard.Quota{Allowed: !l.seen[c], Name: "once", Limit: 1, Window: time.Minute, Reset: 7 * time.Second, Policy: `"once";q=1;w=60`}
	if !q.Allowed {
		q.RetryAfter = 7 * time.Second
	}
	if l.seen == nil {
		l.seen = map[nguard.Caller]bool{}
	}
	l.seen[c] = true
	return q, nil
}
