package promises

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// innards is what a fault of a dependency says. None of it may ever reach a client.
const innards = "pq: syntax error at SELECT secret FROM nguard_sessions WHERE host=10.0.0.7 /var/lib/app/main.go:42 goroutine 7 [running]"

var errBroken = errors.New(innards)

// fault stands around one call of a store, users table or sink: it may run it or not, before or after
// failing, hanging or ending the goroutine. Nil lets all calls pass.
type fault func(ctx context.Context, op string, run func() error) error

// faults is the switch of a faulty world, and its meter.
type faults struct {
	mu    sync.Mutex
	fault fault
	calls map[string]int
}

func (f *faults) set(x fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = x
}

// broken makes the named operations fail without effect; with no name all do.
func (f *faults) broken(ops ...string) {
	f.set(func(_ context.Context, op string, run func() error) error {
		if len(ops) == 0 || slices.Contains(ops, op) {
			return errBroken
		}
		return run()
	})
}

func (f *faults) mend() { f.set(nil) }

// count returns how often each operation was called since the last count.
func (f *faults) count() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

func (f *faults) around(ctx context.Context, op string, run func() error) error {
	f.mu.Lock()
	x := f.fault
	if f.calls == nil {
		f.calls = map[string]int{}
	}
	f.calls[op]++
	f.mu.Unlock()
	if x == nil {
		return run()
	}
	return x(ctx, op, run)
}

// faulty puts faults around what b consists of. Abilities that are not wrapped are found through Unwrap.
func faulty(b backing) (backing, *faults) {
	f := &faults{}
	b.store = &faultyStore{Store: b.store, f: f}
	b.users = &faultyUsers{inner: b.users.(fullUsers), f: f}
	b.sink = &faultySink{inner: b.sink, f: f}
	return b, f
}

// eachFaulty is each, with faults.
func eachFaulty(t *testing.T, fn func(t *testing.T, w *world, f *faults), options ...func(*nguard.Config)) {
	t.Helper()
	for _, make := range []func(testing.TB) backing{memory, sqlite, split} {
		b, f := faulty(make(t))
		t.Run(b.name, func(t *testing.T) {
			w := newWorld(t, b, options...)
			t.Cleanup(f.mend) // before the guard shuts down
			fn(t, w, f)
		})
	}
}

// ability finds a part along the chain of Unwrap, as the guard does.
func ability[T any](v any) T {
	for v != nil {
		if t, ok := v.(T); ok {
			return t
		}
		u, ok := v.(interface{ Unwrap() any })
		if !ok {
			break
		}
		v = u.Unwrap()
	}
	panic(fmt.Sprintf("no %T", *new(T)))
}

type faultyStore struct {
	nguard.Store
	f *faults
}

func (s *faultyStore) Unwrap() any { return s.Store }

func (s *faultyStore) Create(ctx context.Context, r *nguard.Record, c nguard.Cap) (made nguard.Created, err error) {
	err = s.f.around(ctx, "create", func() (err error) { made, err = s.Store.Create(ctx, r, c); return err })
	return made, err
}

func (s *faultyStore) Load(ctx context.Context, token string) (found nguard.Found, err error) {
	err = s.f.around(ctx, "load", func() (err error) { found, err = s.Store.Load(ctx, token); return err })
	return found, err
}

func (s *faultyStore) Replace(ctx context.Context, f nguard.Found, next *nguard.Record, rotate bool) (found nguard.Found, err error) {
	err = s.f.around(ctx, "replace", func() (err error) { found, err = s.Store.Replace(ctx, f, next, rotate); return err })
	return found, err
}

func (s *faultyStore) Touch(ctx context.Context, f nguard.Found, at time.Time) (found nguard.Found, err error) {
	err = s.f.around(ctx, "touch", func() (err error) { found, err = s.Store.Touch(ctx, f, at); return err })
	return found, err
}

func (s *faultyStore) Delete(ctx context.Context, owner, id string) error {
	return s.f.around(ctx, "delete", func() error { return s.Store.Delete(ctx, owner, id) })
}

func (s *faultyStore) Find(ctx context.Context, owner, id string) (found nguard.Found, err error) {
	err = s.f.around(ctx, "find", func() (err error) { found, err = ability[nguard.Lister](s.Store).Find(ctx, owner, id); return err })
	return found, err
}

func (s *faultyStore) List(ctx context.Context, owner, after string, n int) (list []nguard.Found, err error) {
	err = s.f.around(ctx, "list", func() (err error) {
		list, err = ability[nguard.Lister](s.Store).List(ctx, owner, after, n)
		return err
	})
	return list, err
}

func (s *faultyStore) Epoch(ctx context.Context, owner string) (e nguard.Epoch, err error) {
	err = s.f.around(ctx, "epoch", func() (err error) { e, err = ability[nguard.Epochs](s.Store).Epoch(ctx, owner); return err })
	return e, err
}

// Bump is "bump open", "bump close", "bump settle" (close and change in one step), "bump change" or "bump revoke".
func (s *faultyStore) Bump(ctx context.Context, owner string, b nguard.Bump) (e nguard.Epoch, err error) {
	op := "bump change"
	switch {
	case b&nguard.BumpOpen != 0:
		op = "bump open"
	case b&nguard.BumpClose != 0 && b&nguard.BumpChange != 0:
		op = "bump settle"
	case b&nguard.BumpClose != 0:
		op = "bump close"
	case b&nguard.BumpRevoke != 0 && b&nguard.BumpChange == 0:
		op = "bump revoke"
	}
	err = s.f.around(ctx, op, func() (err error) { e, err = ability[nguard.Epochs](s.Store).Bump(ctx, owner, b); return err })
	return e, err
}

func (s *faultyStore) Sweep(ctx context.Context, now time.Time, n int) (removed int, err error) {
	err = s.f.around(ctx, "sweep", func() (err error) { removed, err = ability[nguard.Sweeper](s.Store).Sweep(ctx, now, n); return err })
	return removed, err
}

type fullUsers interface {
	nguard.Authenticator
	nguard.UserUpdater
}

type faultyUsers struct {
	inner fullUsers
	f     *faults
}

func (u *faultyUsers) Unwrap() any { return u.inner }

func (u *faultyUsers) User(ctx context.Context, id string) (p nguard.User, err error) {
	err = u.f.around(ctx, "user", func() (err error) { p, err = u.inner.User(ctx, id); return err })
	return p, err
}

func (u *faultyUsers) Identify(ctx context.Context, c nguard.Credentials) (id string, err error) {
	err = u.f.around(ctx, "identify", func() (err error) { id, err = u.inner.Identify(ctx, c); return err })
	return id, err
}

func (u *faultyUsers) Authenticate(ctx context.Context, c nguard.Credentials) (p nguard.User, err error) {
	err = u.f.around(ctx, "authenticate", func() (err error) { p, err = u.inner.Authenticate(ctx, c); return err })
	return p, err
}

func (u *faultyUsers) UpdateUser(ctx context.Context, before, after nguard.User) error {
	return u.f.around(ctx, "update user", func() error { return u.inner.UpdateUser(ctx, before, after) })
}

// faultySink names its operation for the outcome: "record attempt", "record success" and so on.
type faultySink struct {
	inner nguard.Sink
	f     *faults
}

func (s *faultySink) Unwrap() any { return s.inner }

func (s *faultySink) Record(ctx context.Context, e nguard.Event) error {
	return s.f.around(ctx, "record "+string(e.Outcome), func() error { return s.inner.Record(ctx, e) })
}

// storeOps and all others are the operations by what they belong to.
var (
	storeOps = []string{"create", "load", "replace", "touch", "delete", "find", "list", "epoch",
		"bump open", "bump close", "bump settle", "bump change", "bump revoke"}
	usersOps = []string{"user", "identify", "authenticate", "update user"}
	sinkOps  = []string{"record attempt", "record success", "record failure", "record denied", "record limited"}
)

// faultyDriver is a database/sql driver around SQLite's in which a chosen statement fails. Statements,
// BEGIN and COMMIT are counted alike, those only that a request makes: sweeps and the backlog of
// records run beside it and would make the count another each time.
type faultyDriver struct {
	base driver.Driver
	dsn  string

	mu    sync.Mutex
	n     int // counts down to the statement that fails
	mode  sqlFault
	fired string // what failed
}

// sqlFault is how a statement fails.
type sqlFault int

const (
	refused  sqlFault = iota // the database answers with an error and has done nothing
	lost                     // the connection breaks before the statement has reached the database
	answered                 // the database has done it, and the connection breaks before the answer
)

func (f sqlFault) String() string { return [...]string{"refused", "lost", "answer lost"}[f] }

// refusal is an error with a result code, as SQLite's own.
type refusal struct{}

func (refusal) Error() string { return "database disk image is malformed: " + innards }
func (refusal) Code() int     { return 1 }

// faultySQLite is the one database, behind the faulty driver.
func faultySQLite(t testing.TB) (backing, *faultyDriver) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "world.db")
	plain := openSQLite(t, path)
	d := &faultyDriver{base: plain.Driver(), dsn: "file:" + path + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)"}
	db := sql.OpenDB(d)
	t.Cleanup(func() { _ = db.Close() })
	return sqliteAt(t, db), d
}

// arm makes the n-th statement from now fail.
func (d *faultyDriver) arm(n int, mode sqlFault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.n, d.mode, d.fired = n, mode, ""
}

// disarm returns what has failed since arm, or "".
func (d *faultyDriver) disarm() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.n = 0
	return d.fired
}

// pass runs one statement, or fails it.
func (d *faultyDriver) pass(counts bool, text string, run func() error) error {
	d.mu.Lock()
	hit := false
	if counts && d.n > 0 {
		d.n--
		hit = d.n == 0
	}
	mode := d.mode
	if hit {
		d.fired = strings.Join(strings.Fields(text), " ")
	}
	d.mu.Unlock()
	if !hit {
		return run()
	}
	if mode == answered {
		if err := run(); err != nil {
			return err
		}
	}
	if mode == refused {
		return refusal{}
	}
	return errBroken
}

// counted says whether a statement belongs to a request, or to a call that a test has marked.
func counted(ctx context.Context) bool {
	_, ok := nguard.FromContext(ctx)
	return ok || ctx.Value(countedKey{}) != nil
}

type countedKey struct{}

func (d *faultyDriver) Driver() driver.Driver { return d.base }

func (d *faultyDriver) Connect(context.Context) (driver.Conn, error) {
	c, err := d.base.Open(d.dsn)
	if err != nil {
		return nil, err
	}
	return &faultyConn{c.(sqliteConn), d}, nil
}

type sqliteConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

type faultyConn struct {
	sqliteConn
	d *faultyDriver
}

func (c *faultyConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	s, err := c.sqliteConn.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	return &faultyStmt{s.(sqliteStmt), c.d, text}, nil
}

func (c *faultyConn) BeginTx(ctx context.Context, o driver.TxOptions) (tx driver.Tx, err error) {
	err = c.d.pass(counted(ctx), "BEGIN", func() (err error) { tx, err = c.sqliteConn.BeginTx(ctx, o); return err })
	if err != nil {
		if tx != nil {
			_ = tx.Rollback()
		}
		return nil, err
	}
	return &faultyTx{tx, c.d, counted(ctx)}, nil
}

func (c *faultyConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (res driver.Result, err error) {
	err = c.d.pass(counted(ctx), text, func() (err error) { res, err = c.sqliteConn.ExecContext(ctx, text, args); return err })
	return res, err
}

func (c *faultyConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (rows driver.Rows, err error) {
	err = c.d.pass(counted(ctx), text, func() (err error) { rows, err = c.sqliteConn.QueryContext(ctx, text, args); return err })
	return closed(rows, err)
}

type sqliteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type faultyStmt struct {
	sqliteStmt
	d    *faultyDriver
	text string
}

func (s *faultyStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (res driver.Result, err error) {
	err = s.d.pass(counted(ctx), s.text, func() (err error) { res, err = s.sqliteStmt.ExecContext(ctx, args); return err })
	return res, err
}

func (s *faultyStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (rows driver.Rows, err error) {
	err = s.d.pass(counted(ctx), s.text, func() (err error) { rows, err = s.sqliteStmt.QueryContext(ctx, args); return err })
	return closed(rows, err)
}

// closed gives no rows with an error.
func closed(rows driver.Rows, err error) (driver.Rows, error) {
	if err != nil {
		if rows != nil {
			_ = rows.Close()
		}
		return nil, err
	}
	return rows, nil
}

type faultyTx struct {
	driver.Tx
	d      *faultyDriver
	counts bool
}

func (t *faultyTx) Commit() error {
	done := false
	err := t.d.pass(t.counts, "COMMIT", func() error { done = true; return t.Tx.Commit() })
	if err != nil && !done {
		_ = t.Tx.Rollback() // as a database does whose client has gone
	}
	return err
}

// dump is every row of the tables but those of the audit record, as text.
func dump(t testing.TB, db *sql.DB) string {
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
