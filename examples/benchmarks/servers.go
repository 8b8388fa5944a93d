package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/postgresstore"
	"github.com/alexedwards/scs/v2"
	"github.com/redis/go-redis/v9"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/redisstore"
	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/sqlstore"
)

// onServers are comparisons over a real server, in time on the clock: the server's own work counts too. They
// are left out where the variable that names the server is not set (see README).
func onServers() (list []comparison) {
	if os.Getenv(servicetest.PostgresEnv) != "" {
		list = append(list,
			comparison{"PostgreSQL: load", storeLoad(postgresStore), postgresSelect, "one bare prepared SELECT of the row", 1.25, true, false},
			comparison{"PostgreSQL: read, idle limit", guardRead(postgresStore), scsRead(scsPostgres, time.Hour), "scs LoadAndSave with IdleTimeout, PostgreSQL", 0.333, true, false},
			comparison{"PostgreSQL: revoke of 10 000", revoke(postgresStore, 10_000), revoke(postgresStore, 1), "of a person with one session", 1.5, true, true},
		)
	}
	if os.Getenv(servicetest.RedisEnv) != "" {
		list = append(list,
			comparison{"Redis: load", storeLoad(redisStore), redisGet, "one bare GET of as many bytes", 1.25, true, false},
			comparison{"Redis: revoke of 10 000", revoke(redisStore, 10_000), revoke(redisStore, 1), "of a person with one session", 1.5, true, true},
		)
	}
	if os.Getenv(servicetest.MySQLEnv) != "" {
		list = append(list, comparison{"MariaDB: revoke of 10 000", revoke(mysqlStore, 10_000), revoke(mysqlStore, 1), "of a person with one session", 1.5, true, true})
	}
	return list
}

func migrated(b testing.TB, db *sql.DB, d *sqlstore.Dialect) *sqlstore.Store {
	s := sqlstore.New(db, d)
	if err := s.Migrate(context.Background()); err != nil {
		b.Fatal(err)
	}
	return s
}

// postgresDB waits for the disk at each commit, as a service does and as tests do not.
func postgresDB(b testing.TB) *sql.DB {
	d := servicetest.Postgres(b)
	return servicetest.OpenSQL(b, d.Driver, strings.Replace(d.DSN(), "synchronous_commit=off", "synchronous_commit=on", 1))
}

func postgresStore(b testing.TB) nguard.Store { return migrated(b, postgresDB(b), sqlstore.Postgres) }

func mysqlStore(b testing.TB) nguard.Store {
	return migrated(b, servicetest.MySQL(b).Open(b), sqlstore.MySQL)
}

func redisClient(b testing.TB) *redis.Client {
	o, err := redisstore.Options(servicetest.RedisURL(b))
	if err != nil {
		b.Fatal(err)
	}
	c := redis.NewClient(o)
	b.Cleanup(func() { _ = c.Close() })
	return c
}

// redisStore has a prefix of its own; what it has stored vanishes within an hour or two.
func redisStore(b testing.TB) nguard.Store {
	s, err := redisstore.New(redisClient(b), redisstore.Config{Prefix: "nguard-bench-" + rand.Text()[:12] + ":"})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func scsPostgres(b testing.TB) scs.Store {
	db := postgresDB(b)
	if _, err := db.Exec(`CREATE TABLE sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL)`); err != nil {
		b.Fatal(err)
	}
	if _, err := db.Exec(`CREATE INDEX sessions_expiry_idx ON sessions (expiry)`); err != nil {
		b.Fatal(err)
	}
	return postgresstore.NewWithCleanupInterval(db, 0)
}

func postgresSelect(b *testing.B) { bareSelect(b, postgresStore, "$1") }

// redisGet reads as many bytes as a session has there.
func redisGet(b *testing.B) {
	store := redisStore(b)
	_, token := loggedIn(b, store)
	c, ctx := redisClient(b), context.Background()
	f, err := store.Load(ctx, token)
	if err != nil {
		b.Fatal(err)
	}
	key := "nguard-bench-" + rand.Text()
	if err := c.Set(ctx, key, f.Encode(), time.Minute).Err(); err != nil {
		b.Fatal(err)
	}
	measured(b, func(int) {
		if _, err := c.Get(ctx, key).Bytes(); err != nil {
			b.Fatal(err)
		}
	})
}

// revoke ends all sessions of a person who has n of them: one bump of the epoch.
func revoke(open func(testing.TB) nguard.Store, n int) side {
	return func(b *testing.B) {
		store, ctx := open(b), context.Background()
		epochs := store.(nguard.Epochs)
		fill := func(ctx context.Context) error {
			e, err := epochs.Epoch(ctx, "user-1")
			for i := 0; i < n && err == nil; i++ {
				now := time.Now().UTC().Round(0)
				r := &nguard.Record{Owner: "user-1", Version: 1, Created: now, Updated: now, AuthAt: now, Rotated: now,
					Expires: now.Add(time.Hour), Stamp: nguard.Epoch{Change: e.Change, Revoke: e.Revoke}, User: uma}
				_, err = store.Create(ctx, r, nguard.Cap{Now: now})
			}
			return err
		}
		var err error
		if tx, ok := store.(nguard.Transactor); ok {
			err = tx.Tx(ctx, fill) // one wait for the disk instead of ten thousand
		} else {
			err = fill(ctx)
		}
		if err != nil {
			b.Fatal(err)
		}
		measured(b, func(int) {
			if _, err := epochs.Bump(ctx, "user-1", nguard.BumpRevoke); err != nil {
				b.Fatal(err)
			}
		})
	}
}
