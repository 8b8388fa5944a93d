package servertest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/sqlstore"
	"github.com/nguard-go/nguard/stores/storetest"
)

// gap is a cap of n, as the engine would ask for it now.
func gap(n int) nguard.Cap { return nguard.Cap{Max: n, EvictOldest: true, Now: time.Now()} }

// add adds a setting to a data source.
func add(dsn, setting string) string {
	if strings.Contains(dsn, "?") {
		return dsn + "&" + setting
	}
	return dsn + "?" + setting
}

// through opens a store behind a proxy, and one on the same data beside it.
func (s Server) through(t *testing.T) (p *servicetest.Proxy, db *sql.DB, store, direct *sqlstore.Store) {
	t.Helper()
	place := s.Open(t)
	direct = s.migrated(t, place.Open(t))
	p = servicetest.NewProxy(t, place.Addr)
	db = servicetest.OpenSQL(t, place.Driver, place.Via(p.Addr))
	return p, db, sqlstore.New(db, s.Dialect), direct
}

// When connections break in the middle of whatever they carry, again and again, reads go on as if nothing had
// been. A write says whether it has surely not happened, and what it says is true.
func cut(t *testing.T, s Server) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	p, _, store, direct := s.through(t)
	const users, cuts = 6, 30
	var (
		wg   sync.WaitGroup
		over atomic.Bool
		work atomic.Int32
	)
	for i := range users {
		owner := fmt.Sprint("user", i)
		c := storetest.Login(t, direct, owner)
		wg.Go(func() {
			// A write of unknown outcome may still be on its way when the next read is answered: the server had it
			// before the connection broke. It may have its effect until another write has succeeded.
			version, pending := int64(1), false
			for !over.Load() {
				f, err := store.Load(ctx, c.Live)
				work.Add(1)
				if err != nil || f.Owner != owner {
					t.Errorf("a read: %v", err)
					return
				}
				if f.Version != version && !(pending && f.Version == version+1) {
					t.Errorf("version %d is stored, want %d; a write is pending: %v", f.Version, version, pending)
					return
				}
				pending = pending && f.Version == version
				if _, err := store.Epoch(ctx, owner); err != nil {
					t.Errorf("a read: %v", err)
					return
				}
				version = f.Version
				_, err = store.Replace(ctx, f, storetest.Next(f), false)
				switch {
				case err == nil:
					version++
					pending = false
				case errors.Is(err, nguard.ErrOutcomeUnknown):
					pending = true
				case errors.Is(err, nguard.ErrConflict) && pending:
				case !errors.Is(err, nguard.ErrUnavailable):
					t.Errorf("a write: %v", err)
					return
				}
				if _, err := store.Create(ctx, storetest.Stamped(owner+"+", c.Stamp), gap(3)); err != nil && !errors.Is(err, nguard.ErrUnavailable) {
					t.Errorf("a login: %v", err)
					return
				}
			}
		})
	}
	for range cuts {
		from := work.Load()
		servicetest.Until(t, "everybody goes on", func() bool { return work.Load() >= from+2*users || t.Failed() })
		p.Cut()
	}
	over.Store(true)
	wg.Wait()
	for i := range users {
		list, err := direct.List(ctx, fmt.Sprint("user", i, "+"), "", 100)
		if err != nil || len(list) > 3 {
			t.Errorf("%d sessions, and the cap is 3; %v", len(list), err)
		}
	}
}

// A server that is gone is reported at once, and nothing has changed. When it is back, so is the service, and
// everybody is still logged in.
func refuse(t *testing.T, s Server) {
	p, _, store, direct := s.through(t)
	c := storetest.Login(t, store, "ada")
	p.Refuse()
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for method, err := range every(ctx, store, c) {
		if !errors.Is(err, nguard.ErrUnavailable) {
			t.Errorf("%s: got %v, want ErrUnavailable", method, err)
		}
	}
	if spent := time.Since(start); spent > 10*time.Second {
		t.Errorf("it took %v to say that the server is gone", spent)
	}
	unchanged(t, direct, c)
	p.Heal(t)
	back(t, store, c)
}

// A server that does not answer keeps a call until its context ends and no longer, and no connection and no
// goroutine for longer than that.
func hang(t *testing.T, s Server) {
	p, db, store, _ := s.through(t)
	c := storetest.Login(t, store, "ada")
	var wg sync.WaitGroup
	for range 10 { // some connections, with statements prepared
		wg.Go(func() { every(context.Background(), store, c) })
	}
	wg.Wait()
	before := runtime.NumGoroutine()
	p.Hang()
	for range 3 {
		for i := range 10 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
				defer cancel()
				start := time.Now()
				_, err := store.Load(ctx, c.Live)
				if i%2 == 0 {
					_, err = store.Touch(ctx, c.Found, time.Now().Add(time.Minute))
				}
				if spent := time.Since(start); !errors.Is(err, nguard.ErrUnavailable) || spent > 5*time.Second {
					t.Errorf("got %v after %v", err, spent)
				}
			})
		}
		wg.Wait()
	}
	// One whose call was broken off is closed beside it, a moment later.
	servicetest.Until(t, "connections that nobody uses are given back", func() bool { return db.Stats().InUse == 0 })
	p.Heal(t)
	back(t, store, c)
	// The proxy has goroutines for each connection, and database/sql for each that it closes: wait for them.
	servicetest.Goroutines(t, before+10)
}

// A server that stops answering when a transaction is about to end keeps the call until its context ends and no
// longer: whether the commit has come through is not known, a rollback may as well be left to the server.
func hangAtEnd(t *testing.T, s Server) {
	refused := errors.New("refused")
	for _, want := range []error{nil, refused} {
		p, db, store, _ := s.through(t)
		c := storetest.Login(t, store, "ada")
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		done := make(chan error, 1)
		go func() {
			done <- store.Tx(ctx, func(ctx context.Context) error {
				_, err := store.Bump(ctx, "ada", nguard.BumpChange)
				p.Hang()
				return errors.Join(err, want)
			})
		}()
		select {
		case err := <-done:
			if want != nil && !errors.Is(err, want) {
				t.Errorf("got %v, want what the function returned", err)
			}
			if want == nil && !(errors.Is(err, nguard.ErrUnavailable) && errors.Is(err, nguard.ErrOutcomeUnknown)) {
				t.Errorf("got %v from a commit that was not answered, want ErrOutcomeUnknown", err)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("a transaction that ends with %v hangs on after its context", want)
		}
		p.Cut()
		p.Heal(t)
		back(t, store, c)
		servicetest.Until(t, "the connection is given back", func() bool { return db.Stats().InUse == 0 })
	}
}

// Who waits for a connection of the pool until the context ends has sent nothing, and is told so.
func waiting(t *testing.T, s Server) {
	db := s.Open(t).Open(t)
	store := s.migrated(t, db)
	c := storetest.Login(t, store, "ada")
	for method, err := range every(t.Context(), store, c) { // so that the statements are prepared
		if err != nil {
			t.Fatalf("%s: %v", method, err)
		}
	}
	db.SetMaxOpenConns(1)
	held, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	for method, call := range map[string]func(ctx context.Context) error{
		"Replace": func(ctx context.Context) error {
			_, err := store.Replace(ctx, c.Found, storetest.Next(c.Found), true)
			return err
		},
		"Touch":  func(ctx context.Context) error { _, err := store.Touch(ctx, c.Found, time.Now()); return err },
		"Delete": func(ctx context.Context) error { return store.Delete(ctx, c.Owner, c.ID) },
		"Bump":   func(ctx context.Context) error { _, err := store.Bump(ctx, c.Owner, nguard.BumpRevoke); return err },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		err := call(ctx)
		cancel()
		if !errors.Is(err, nguard.ErrUnavailable) || errors.Is(err, nguard.ErrOutcomeUnknown) {
			t.Errorf("%s: got %v, want ErrUnavailable and no unknown outcome", method, err)
		}
	}
}

// A slow server is slow, and that is all.
func slow(t *testing.T, s Server) {
	p, _, store, _ := s.through(t)
	c := storetest.Login(t, store, "ada")
	p.Slow(10 * time.Millisecond)
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if _, err := store.Load(ctx, c.Live); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for method, err := range every(ctx, store, c) {
		if err != nil {
			t.Errorf("%s: %v", method, err)
		}
	}
	p.Heal(t)
}

// A connection that refuses to write, as those to a server do that has become a replica, changes nothing and
// says so. It still reads.
func readOnly(t *testing.T, s Server) {
	ctx := context.Background()
	place := s.Open(t)
	direct := s.migrated(t, place.Open(t))
	c := storetest.Login(t, direct, "ada")
	for _, setting := range s.ReadOnly {
		store := sqlstore.New(servicetest.OpenSQL(t, place.Driver, add(place.DSN(), setting)), s.Dialect)
		if err := store.Migrate(ctx); err != nil {
			t.Fatalf("%s: there was nothing to migrate: %v", setting, err)
		}
		writes := every(ctx, store, c)
		for _, read := range []string{"Load", "Find", "List", "Epoch"} {
			if err := writes[read]; err != nil {
				t.Errorf("%s, %s: %v", setting, read, err)
			}
			delete(writes, read)
		}
		for method, err := range writes {
			if !errors.Is(err, nguard.ErrUnavailable) || errors.Is(err, nguard.ErrOutcomeUnknown) {
				t.Errorf("%s, %s: got %v, want ErrUnavailable", setting, method, err)
			}
		}
		unchanged(t, direct, c)
	}
}

// A write whose answer is lost says so, and is not done a second time.
func outcome(t *testing.T, s Server) {
	p, _, store, direct := s.through(t)
	c := storetest.Login(t, store, "ada")
	if f, err := store.Replace(t.Context(), c.Found, storetest.Next(c.Found), false); err != nil || f.Version != 2 {
		t.Fatal(err) // so that the statement is prepared
	}
	c = storetest.Login(t, store, "ada")
	p.Hang()
	done := make(chan error)
	go func() {
		_, err := store.Replace(context.Background(), c.Found, storetest.Next(c.Found), false)
		done <- err
	}()
	servicetest.Until(t, "the write is under way", p.Holds)
	p.Cut()
	p.Heal(t)
	if err := <-done; !errors.Is(err, nguard.ErrOutcomeUnknown) || !errors.Is(err, nguard.ErrUnavailable) {
		t.Fatalf("got %v, want ErrOutcomeUnknown", err)
	}
	unchanged(t, direct, c) // it has not reached the server, and nobody repeated it
	back(t, store, c)
}

// When an administrator, or a timeout of the server's, has ended the connections in the pool, a read does not
// show it, and neither does a write that was not sent.
func killed(t *testing.T, s Server) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	place := s.Open(t)
	db, beside := place.Open(t), place.Open(t)
	db.SetMaxOpenConns(1)
	store := s.migrated(t, db)
	c := storetest.Login(t, store, "ada")
	for range 3 {
		for name, read := range map[string]func() error{
			"Load":  func() error { _, err := store.Load(ctx, c.Live); return err },
			"Find":  func() error { _, err := store.Find(ctx, c.Owner, c.ID); return err },
			"List":  func() error { _, err := store.List(ctx, c.Owner, "", 10); return err },
			"Epoch": func() error { _, err := store.Epoch(ctx, c.Owner); return err },
			"Create": func() error { // nothing of it has begun
				_, err := store.Create(ctx, storetest.Stamped(c.Owner, c.Stamp), nguard.Cap{})
				return err
			},
			"Touch": func() error { // whose statement is not prepared yet, so that it was not sent
				_, err := sqlstore.New(db, s.Dialect).Touch(ctx, c.Found, time.Now())
				return err
			},
		} {
			var self int64
			if err := db.QueryRow(s.Self).Scan(&self); err != nil {
				t.Fatal(err)
			}
			if _, err := beside.Exec(fmt.Sprintf(s.Kill, self)); err != nil {
				t.Fatal(err)
			}
			if err := read(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}

// A context that ends takes its own connection along and leaves the others what they are: nobody gets another's
// answer (K10).
func contexts(t *testing.T, s Server) {
	db := s.Open(t).Open(t)
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(4)
	store := s.migrated(t, db)
	var wg sync.WaitGroup
	for i := range 40 {
		owner := fmt.Sprint("user", i)
		c := storetest.Login(t, store, owner)
		wg.Go(func() {
			for n := range 30 {
				ctx, cancel := context.WithCancel(context.Background())
				cancelled := n%3 == i%3
				if cancelled {
					go func() {
						for range (n * i) % 50 {
							runtime.Gosched()
						}
						cancel()
					}()
				}
				f, err := store.Load(ctx, c.Live)
				cancel()
				switch {
				case err == nil && (f.Owner != owner || f.ID != c.ID || f.User != c.Stamp):
					t.Errorf("%s got the session %s of %s", owner, f.ID, f.Owner)
				case err != nil && (!cancelled || !errors.Is(err, nguard.ErrUnavailable)):
					t.Errorf("got %v; cancelled: %v", err, cancelled)
				}
			}
		})
	}
	wg.Wait()
	// One whose call was broken off is closed beside it, a moment later.
	servicetest.Until(t, "connections that nobody uses are given back", func() bool { return db.Stats().InUse == 0 })
}

// every calls each method that does I/O. What it changes, it changes for somebody other than c.
func every(ctx context.Context, s *sqlstore.Store, c nguard.Created) map[string]error {
	errs := map[string]error{}
	_, errs["Load"] = s.Load(ctx, c.Live)
	_, errs["Find"] = s.Find(ctx, c.Owner, c.ID)
	_, errs["List"] = s.List(ctx, c.Owner, "", 10)
	_, errs["Epoch"] = s.Epoch(ctx, c.Owner)
	created, err := s.Create(ctx, storetest.Stamped("other", nguard.Epoch{Change: 1, Revoke: 2}), nguard.Cap{Max: 50, EvictOldest: true, Now: time.Now()})
	errs["Create"] = err
	if err != nil {
		created = c
	}
	replaced, err := s.Replace(ctx, created.Found, storetest.Next(created.Found), true)
	errs["Replace"] = err
	if err != nil {
		replaced = created.Found
	}
	_, errs["Touch"] = s.Touch(ctx, replaced, time.Now())
	errs["Delete"] = s.Delete(ctx, created.Owner, created.ID)
	_, errs["Bump"] = s.Bump(ctx, "third", nguard.BumpRevoke)
	_, errs["Sweep"] = s.Sweep(ctx, time.Now().Add(-time.Hour), 10)
	errs["Tx"] = s.Tx(ctx, func(ctx context.Context) error {
		_, err := s.Bump(ctx, "third", nguard.BumpChange)
		return err
	})
	return errs
}

// unchanged checks that a session is as it was made.
func unchanged(t *testing.T, s *sqlstore.Store, c nguard.Created) {
	t.Helper()
	f, err := s.Load(context.Background(), c.Live)
	if err != nil || f.Version != c.Version || f.Match != nguard.Current || f.User != c.Stamp {
		t.Fatalf("got version %d, match %d, epoch %+v, %v", f.Version, f.Match, f.User, err)
	}
}

// back checks that the service is there again, at once, and that nobody was logged out.
func back(t *testing.T, s *sqlstore.Store, c nguard.Created) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	for range 25 { // more than there are connections in the pool
		f, err := s.Load(ctx, c.Live)
		if err != nil || f.ID != c.ID {
			t.Fatalf("got %v from a server that is back", err)
		}
	}
	if _, err := s.Touch(ctx, c.Found, time.Now()); err != nil {
		t.Fatalf("got %v from a server that is back", err)
	}
}
