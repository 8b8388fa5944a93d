package promises

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// What the tests that are still here share with those that have moved to adapters/adaptertest.

// frozen is a clock that moves by hand only, for limits that are tested to the second.
type frozen struct {
	mu sync.Mutex
	t  time.Time
}

func (c *frozen) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *frozen) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// eachFrozen is each with a clock that stands still.
func eachFrozen(t *testing.T, fn func(t *testing.T, w *world, c *frozen), options ...func(*nguard.Config)) {
	t.Helper()
	for _, make := range []func(testing.TB) backing{memory, sqlite, split} {
		b := make(t)
		t.Run(b.name, func(t *testing.T) {
			c := &frozen{t: time.Now().UTC()}
			fn(t, newWorld(t, b, append(slices.Clone(options), func(cfg *nguard.Config) { cfg.Now = c.Now })...), c)
		})
	}
}

// spy is a Store that counts the calls to the one that it wraps, and lets a test stand between them.
type spy struct {
	nguard.Store
	lister nguard.Lister
	epochs nguard.Epochs

	mu    sync.Mutex
	calls map[string]int
	// loaded, when set, runs once, after the next Load.
	loaded func()
}

func spyOn(s nguard.Store) *spy {
	return &spy{Store: s, lister: s.(nguard.Lister), epochs: s.(nguard.Epochs), calls: map[string]int{}}
}

// watched puts a spy between the guard and its store.
func watched(into **spy) func(*nguard.Config) {
	return func(c *nguard.Config) {
		*into = spyOn(c.Store)
		c.Store = *into
	}
}

func (s *spy) Unwrap() any { return s.Store }

func (s *spy) count(op string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[op]++
}

// took returns the calls since the last time, sweeps left out: they are not part of any request.
func (s *spy) took() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = map[string]int{}
	delete(calls, "sweep")
	return calls
}

// hold stops the next request after its Load, before the engine sees the result: entered says that it
// is there, closing release lets it go on. Others pass.
func (s *spy) hold() (entered, release chan struct{}) {
	entered, release = make(chan struct{}), make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loaded = func() {
		close(entered)
		<-release
	}
	return entered, release
}

func (s *spy) Create(ctx context.Context, r *nguard.Record, c nguard.Cap) (nguard.Created, error) {
	s.count("create")
	return s.Store.Create(ctx, r, c)
}

func (s *spy) Load(ctx context.Context, token string) (nguard.Found, error) {
	s.count("load")
	f, err := s.Store.Load(ctx, token)
	s.mu.Lock()
	fn := s.loaded
	s.loaded = nil
	s.mu.Unlock()
	if fn != nil {
		fn()
	}
	return f, err
}

func (s *spy) Replace(ctx context.Context, f nguard.Found, next *nguard.Record, rotate bool) (nguard.Found, error) {
	s.count("replace")
	return s.Store.Replace(ctx, f, next, rotate)
}

func (s *spy) Touch(ctx context.Context, f nguard.Found, at time.Time) (nguard.Found, error) {
	s.count("touch")
	return s.Store.Touch(ctx, f, at)
}

func (s *spy) Delete(ctx context.Context, owner, id string) error {
	s.count("delete")
	return s.Store.Delete(ctx, owner, id)
}

func (s *spy) Find(ctx context.Context, owner, id string) (nguard.Found, error) {
	s.count("find")
	return s.lister.Find(ctx, owner, id)
}

func (s *spy) List(ctx context.Context, owner, after string, n int) ([]nguard.Found, error) {
	s.count("list")
	return s.lister.List(ctx, owner, after, n)
}

func (s *spy) Epoch(ctx context.Context, owner string) (nguard.Epoch, error) {
	s.count("epoch")
	return s.epochs.Epoch(ctx, owner)
}

func (s *spy) Bump(ctx context.Context, owner string, b nguard.Bump) (nguard.Epoch, error) {
	s.count("bump")
	return s.epochs.Bump(ctx, owner, b)
}

func (s *spy) Sweep(ctx context.Context, now time.Time, n int) (int, error) {
	s.count("sweep")
	return s.Store.(nguard.Sweeper).Sweep(ctx, now, n)
}

// silent fails when an answer sets a cookie.
func silent(t *testing.T, a answer) {
	t.Helper()
	if lines := a.header["Set-Cookie"]; len(lines) > 0 {
		t.Errorf("%s: a read sent Set-Cookie: %q", a.what, lines)
	}
}

// crowd runs fn n times on workers goroutines that start together.
func crowd(workers, n int, fn func(i int)) {
	var wg sync.WaitGroup
	var next atomic.Int64
	start := make(chan struct{})
	for range workers {
		wg.Go(func() {
			<-start
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				fn(i)
			}
		})
	}
	close(start)
	wg.Wait()
}

// pages serves handlers of one test on the world's guard and returns a browser's way to them.
func (w *world) pages(handlers map[string]http.HandlerFunc) (base string) {
	mux := http.NewServeMux()
	for pattern, h := range handlers {
		mux.HandleFunc(pattern, h)
	}
	server := httptest.NewServer(httpguard.Sessions(w.guard)(httpguard.Endpoints(w.guard)(mux)))
	w.t.Cleanup(server.Close)
	return server.URL
}

// on is the same browser on another server.
func (b *browser) on(base string) *browser { return &browser{w: b.w, base: base, client: b.client} }

// ends are the ways in which a session ends while it is in use.
var ends = map[string]func(t *testing.T, w *world, b *browser, id string){
	"logout": func(_ *testing.T, _ *world, b *browser, _ string) { b.post("/api/auth/logout", "").expect(200) },
	"revoked": func(t *testing.T, w *world, _ *browser, id string) {
		if err := w.guard.Revoke(byJob, "user", id); err != nil {
			t.Error(err)
		}
	},
	"revoked everywhere": func(t *testing.T, w *world, _ *browser, _ string) {
		if err := w.guard.RevokeUser(byJob, "user"); err != nil {
			t.Error(err)
		}
	},
	"revoked by another process": func(t *testing.T, w *world, _ *browser, id string) {
		if err := another(t, w).guard.Revoke(byJob, "user", id); err != nil {
			t.Error(err)
		}
	},
	"disabled": func(t *testing.T, w *world, _ *browser, _ string) {
		if _, err := w.guard.ChangeUser(byJob, "user", func(u *nguard.User) error { u.Disabled = true; return nil }); err != nil {
			t.Error(err)
		}
	},
}

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

// handle is the public ID of the only session of a person.
func (w *world) handle(userID string) string {
	w.t.Helper()
	list, err := w.guard.Sessions(context.Background(), userID)
	if err != nil || len(list) != 1 {
		w.t.Fatalf("%d sessions of %s, %v", len(list), userID, err)
	}
	return list[0].ID()
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

// storedBytes is everything that the world keeps but its audit records and the sweeper's notes: sessions
// with their marks and epochs, and people. Two equal strings mean that not one byte has changed.
func storedBytes(w *world) string {
	w.t.Helper()
	var b strings.Builder
	ctx := context.Background()
	if w.back.db != nil {
		for _, query := range []string{"SELECT * FROM nguard_sessions ORDER BY 1", "SELECT * FROM nguard_epochs ORDER BY 1", "SELECT * FROM people ORDER BY 1"} {
			rows, err := w.back.db.QueryContext(ctx, query)
			if err != nil {
				w.t.Fatal(err)
			}
			names, err := rows.Columns()
			if err != nil {
				w.t.Fatal(err)
			}
			for rows.Next() {
				cells := make([]any, len(names))
				for i := range cells {
					cells[i] = new(any)
				}
				if err := rows.Scan(cells...); err != nil {
					w.t.Fatal(err)
				}
				for i, c := range cells {
					if names[i] == "bumped_at" || names[i] == "keep_until" {
						continue // when an epoch was last open: for the sweeper, and of no effect
					}
					if raw, ok := (*c.(*any)).([]byte); ok {
						fmt.Fprintf(&b, "%s=%x ", names[i], raw)
					} else {
						fmt.Fprintf(&b, "%s=%v ", names[i], *c.(*any))
					}
				}
				b.WriteString("\n")
			}
			if err := rows.Err(); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	lister, ok := w.back.store.(nguard.Lister)
	for _, p := range people() {
		if w.back.db == nil {
			if !ok {
				w.t.Fatal("the store of this world cannot be looked into")
			}
			found, err := lister.List(ctx, p.ID, "", 1000)
			if err != nil {
				w.t.Fatal(err)
			}
			for _, f := range found {
				fmt.Fprintf(&b, "%s %v %v %v\n", hex.EncodeToString(f.Record.Encode()), f.LastSeen, f.SeenAt, f.User)
			}
		}
		u, err := w.back.users.User(ctx, p.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		raw, err := json.Marshal(u)
		if err != nil {
			w.t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\n", raw)
	}
	return b.String()
}

// unchanged fails the test if anything that is stored differs after fn.
func unchanged(t *testing.T, w *world, what string, fn func()) {
	t.Helper()
	before := storedBytes(w)
	fn()
	if after := storedBytes(w); after != before {
		old := strings.Split(before, "\n")
		for _, line := range strings.Split(after, "\n") {
			if !slices.Contains(old, line) {
				t.Errorf("%s: what is stored has changed to %.300s", what, line)
			}
		}
		if len(strings.Split(after, "\n")) != len(old) {
			t.Errorf("%s: what is stored has gone or come", what)
		}
	}
}

// handles are the public handles of a user's live sessions, newest first.
func handles(w *world, userID string) []string {
	w.t.Helper()
	list, err := w.guard.Sessions(context.Background(), userID)
	if err != nil {
		w.t.Fatal(err)
	}
	ids := make([]string, len(list))
	for i, s := range list {
		ids[i] = s.ID()
	}
	return ids
}

// wire is a connection on which requests are written by hand, for what no client library sends.
type wire struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

func dialWire(t testing.TB, addr string) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &wire{t: t, conn: conn, in: bufio.NewReader(conn)}
}

// reply is an answer to the byte.
type reply struct {
	t      testing.TB
	status int
	head   string // status line and header lines as sent
	header http.Header
	body   string
}

// addr is where the world listens; it is also its Host.
func (w *world) addr() string { return strings.TrimPrefix(w.server.URL, "http://") }

// by is the header line that shows a token.
func (w *world) by(token string) string { return "Cookie: " + w.guard.CookieName() + "=" + token }

const (
	sameOrigin = "Sec-Fetch-Site: same-origin"
	asJSON     = "Content-Type: application/json"
)

// written is a request as bytes. Header lines are taken as they are.
func (w *world) written(method, target, body string, lines ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, target, w.addr())
	for _, line := range lines {
		b.WriteString(line + "\r\n")
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	return b.String() + "\r\n" + body
}

// sends writes one request on a connection of its own and reads the answer.
func (w *world) sends(raw string) reply {
	w.t.Helper()
	c := dialWire(w.t, w.addr())
	defer c.conn.Close()
	return c.ask(raw)
}

// ask writes bytes and reads one answer. What cannot be written any more, because the server has
// answered and closed, does not matter: the answer does.
func (c *wire) ask(raw string) reply {
	c.t.Helper()
	_, _ = io.WriteString(c.conn, raw)
	method, _, _ := strings.Cut(raw, " ")
	return c.read(method)
}

func (c *wire) read(method string) reply {
	c.t.Helper()
	r, err := c.tryRead(method)
	if err != nil {
		c.t.Fatalf("no answer: %v", err)
	}
	return r
}

func (c *wire) tryRead(method string) (reply, error) {
	var head bytes.Buffer
	for {
		line, err := c.in.ReadString('\n')
		head.WriteString(line)
		if err != nil {
			return reply{}, fmt.Errorf("%w after %q", err, head.String())
		}
		if line == "\r\n" {
			break
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head.Bytes())), &http.Request{Method: method})
	if err != nil {
		return reply{}, err
	}
	r := reply{t: c.t, status: resp.StatusCode, head: head.String(), header: resp.Header}
	var body []byte
	switch length := resp.Header.Get("Content-Length"); {
	case method == "HEAD" || resp.StatusCode == 304 || resp.StatusCode == 204:
	case slices.Contains(resp.TransferEncoding, "chunked"):
		body, err = io.ReadAll(httputil.NewChunkedReader(c.in))
		if err == nil {
			_, err = c.in.ReadString('\n')
		}
	case length != "":
		n, _ := strconv.Atoi(length)
		body = make([]byte, n)
		_, err = io.ReadFull(c.in, body)
	default:
		body, err = io.ReadAll(c.in)
	}
	r.body = string(body)
	return r, err
}

func (r reply) expect(status int) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("got status %d, want %d: %s%s", r.status, status, r.head, r.body)
	}
	return r
}

// stable is the answer without what differs from second to second.
func (r reply) stable() string {
	var b strings.Builder
	for _, line := range strings.SplitAfter(r.head, "\r\n") {
		if !strings.HasPrefix(line, "Date: ") {
			b.WriteString(line)
		}
	}
	return b.String() + r.body
}

// serve starts the world's handler on a server of one's own making, as an application configures it.
func (w *world) serve(handler http.Handler, configure func(*httptest.Server)) *httptest.Server {
	w.t.Helper()
	s := httptest.NewUnstartedServer(handler)
	if configure != nil {
		configure(s)
	}
	if s.TLS != nil {
		s.StartTLS()
	} else {
		s.Start()
	}
	w.t.Cleanup(s.Close)
	return s
}
