package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy/ratelimit"
	"github.com/nguard-go/nguard/stores/memstore"
	"github.com/nguard-go/nguard/stores/sqlstore"
)

// store is a value of -store: how to open it, and what -dsn is without the flag. This table is all that the
// program knows of stores; what each one needs is in a file of its own.
type store struct {
	name  string
	dsn   string
	about string // what -dsn is
	open  func(ctx context.Context, o options) (*place, error)
}

var stores = []store{
	{"sqlite", "adminpanel.db", "a file", openSQLite},
	{"memory", "", "unused", openMemory},
	{"cookie", "", "a file with the key, made if it is not there; default the file of -users with .key behind it", openCookie},
	{"postgres", "postgres://postgres@127.0.0.1:5432/test?sslmode=disable", "a PostgreSQL address", openPostgres},
	{"mysql", "root@tcp(127.0.0.1:3306)/test", "a MariaDB or MySQL address", openMySQL},
	{"redis", "redis://127.0.0.1:6379/0", "a Redis address", openRedis},
	{"scs", "postgres://postgres@127.0.0.1:5432/test?sslmode=disable", "a PostgreSQL address, for scs's own store", openSCS},
}

// find returns the store of this name.
func findStore(name string) (store, bool) {
	for _, s := range stores {
		if s.name == name {
			return s, true
		}
	}
	return store{}, false
}

func storeNames() (names []string) {
	for _, s := range stores {
		names = append(names, s.name)
	}
	return names
}

// place is where the program keeps what outlives a request.
type place struct {
	sessions nguard.Store
	waive    []nguard.Promise // what sessions cannot promise
	limits   nguard.Limits
	people   *database // and the records
	where    string    // the sessions, in words, and without any password
	closers  []func()
}

// close closes what was opened, the latest first.
func (p *place) close() {
	for i := len(p.closers) - 1; i >= 0; i-- {
		p.closers[i]()
	}
}

// opened returns an error, having closed what was opened before it.
func (p *place) opened(err error) (*place, error) {
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// database is a SQL database.
type database struct {
	*sql.DB
	kind  *kind
	where string
}

// newPlace is a place for people in db, with the limits that one process keeps by itself.
func newPlace(db *database) *place {
	return &place{people: db, limits: ratelimit.Defaults(), closers: []func(){func() { _ = db.Close() }}}
}

// keepSessions keeps the sessions in the database of the people, so that a change of both is one transaction.
func (p *place) keepSessions(ctx context.Context) (*sqlstore.Store, error) {
	s := sqlstore.New(p.people.DB, p.people.kind.sessions)
	p.sessions, p.where = s, p.people.where
	if err := s.Migrate(ctx); err != nil {
		return nil, fmt.Errorf("%s: sessions: %w", p.where, err)
	}
	return s, nil
}

func openMemory(_ context.Context, o options) (*place, error) {
	db, err := sqliteFile(o.users)
	if err != nil {
		return nil, err
	}
	p := newPlace(db)
	p.sessions, p.where = memstore.New(), "memory"
	return p, nil
}

// A server has this long to answer when the program starts. Half a minute is for what comes after: another
// process may be making the tables.
const (
	dialTimeout  = 3 * time.Second
	startTimeout = 30 * time.Second
)

// reach asks a server whether it is there.
func reach(ctx context.Context, what, where, password string, ping func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	err := ping(ctx)
	if err == nil {
		return nil
	}
	cause := err.Error()
	if errors.Is(err, context.DeadlineExceeded) {
		cause = fmt.Sprintf("no answer within %v", dialTimeout)
	}
	if password != "" {
		cause = strings.ReplaceAll(cause, password, "***")
	}
	return fmt.Errorf("%s at %s cannot be reached: %s; start it, or name another one with -dsn", what, where, cause)
}

// serverAddress says that a file was asked for, and the address of a server was given: -store was forgotten, or is of
// another kind. Names of files are printed, and there may be a password in this one.
func serverAddress(file string) bool {
	if strings.HasPrefix(file, "file:") {
		return false
	}
	return strings.Contains(file, "://") || strings.Contains(file, "@") && strings.Contains(file, "(") || strings.Contains(file, "password=")
}

var errServer = errors.New("the address of a server stands where a file is expected: choose -store to go with -dsn; see -help")

// errAddress is for a -dsn that cannot be read. Neither the value is repeated nor what a parser says of it:
// there may be a password in it.
var errAddress = errors.New("-dsn is no address that this -store understands; see -help for what it looks like")
