package guides

import (
	"context"
	"crypto/rand"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/alexedwards/scs/postgresstore"
	"github.com/alexedwards/scs/v2"
	scsmemory "github.com/alexedwards/scs/v2/memstore"
	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy/ratelimit"
	"github.com/nguard-go/nguard/stores/cookiestore"
	"github.com/nguard-go/nguard/stores/memstore"
	"github.com/nguard-go/nguard/stores/redisstore"
	"github.com/nguard-go/nguard/stores/scsstore"
	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/sqlstore"
)

// newService is everything that a program does with its store.
func newService(store nguard.Store, users nguard.Users, waive []nguard.Promise) (*nguard.Guard, error) {
	guard, err := nguard.New(nguard.Config{
		Store:  store,
		Waive:  waive,
		Users:  users,
		Limits: ratelimit.Defaults(),
	})
	return guard, err
}

func inMemory() nguard.Store {
	store := memstore.New()
	return store
}

func inSQL(ctx context.Context, dsn string) (nguard.Store, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	store := sqlstore.New(db, sqlstore.SQLite)
	if err := store.Migrate(ctx); err != nil {
		return nil, err
	}
	return store, nil
}

func inPostgres(ctx context.Context, dsn string) (nguard.Store, error) {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return nil, err
	}
	store := sqlstore.New(db, sqlstore.Postgres)
	if err := store.Migrate(ctx); err != nil {
		return nil, err
	}
	return store, nil
}

func inMySQL(ctx context.Context, dsn string) (nguard.Store, error) {
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		return nil, err
	}
	store := sqlstore.New(db, sqlstore.MySQL)
	if err := store.Migrate(ctx); err != nil {
		return nil, err
	}
	return store, nil
}

func inRedis(url string) (nguard.Store, error) {
	options, err := redisstore.Options(url)
	if err != nil {
		return nil, err
	}
	store, err := redisstore.New(redis.NewClient(options), redisstore.Config{})
	return store, err
}

// inCookies keeps rows without values in another store.
func inCookies(secret []byte, companion nguard.Store) (nguard.Store, error) {
	ring, err := cookiestore.NewRing(secret)
	if err != nil {
		return nil, err
	}
	store, err := cookiestore.New(cookiestore.Config{Keys: ring, Companion: companion})
	return store, err
}

// inBackend takes any of scs's backends, such as the one of inPostgreSQL.
func inBackend(backend scs.Store) nguard.Store {
	store := scsstore.New(backend)
	return store
}

func inPostgreSQL(db *sql.DB) scs.Store {
	backend := postgresstore.New(db)
	return backend
}

// What one process that has the backend for itself keeps all the same.
var waived = []nguard.Promise{
	nguard.NoLostUpdate, nguard.ReachesAll, nguard.CatchesThieves,
	nguard.StaysDead, nguard.ListsSessions, nguard.CapsSessions,
}

// The same program runs on each of them.
func TestStores(t *testing.T) {
	people := guardtest.NewUsers(nguard.User{ID: "ann", Email: "ann@example.com"})
	file := "file:" + filepath.Join(t.TempDir(), "stores.db") + "?_pragma=busy_timeout(1000)"
	for name, open := range map[string]func(t *testing.T) (nguard.Store, []nguard.Promise, error){
		"memory": func(t *testing.T) (nguard.Store, []nguard.Promise, error) { return inMemory(), nil, nil },
		"sqlite": func(t *testing.T) (nguard.Store, []nguard.Promise, error) {
			store, err := inSQL(t.Context(), file)
			if err == nil {
				t.Cleanup(func() { _ = store.(*sqlstore.Store).Database().Close() })
			}
			return store, nil, err
		},
		"postgres": func(t *testing.T) (nguard.Store, []nguard.Promise, error) {
			store, err := inPostgres(t.Context(), servicetest.Postgres(t).DSN())
			if err == nil {
				t.Cleanup(func() { _ = store.(*sqlstore.Store).Database().Close() })
			}
			return store, nil, err
		},
		"mysql": func(t *testing.T) (nguard.Store, []nguard.Promise, error) {
			store, err := inMySQL(t.Context(), servicetest.MySQL(t).DSN())
			if err == nil {
				t.Cleanup(func() { _ = store.(*sqlstore.Store).Database().Close() })
			}
			return store, nil, err
		},
		"redis": func(t *testing.T) (nguard.Store, []nguard.Promise, error) {
			store, err := inRedis("redis://" + servicetest.StartRedis(t).Addr)
			return store, nil, err
		},
		"cookies": func(t *testing.T) (nguard.Store, []nguard.Promise, error) {
			store, err := inCookies([]byte(rand.Text()+rand.Text()), memstore.New())
			return store, []nguard.Promise{nguard.NoLostUpdate}, err
		},
		"scs": func(t *testing.T) (nguard.Store, []nguard.Promise, error) {
			return inBackend(scsmemory.NewWithCleanupInterval(0)), waived, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			store, waive, err := open(t)
			if err != nil {
				t.Fatal(err)
			}
			guard, err := newService(store, people, waive)
			if err != nil {
				t.Fatal(err)
			}
			ctx := nguard.WithActor(t.Context(), "ann")
			token, _, err := guard.Login(ctx, "ann", nguard.LoginOptions{Methods: []string{"test"}})
			if err != nil {
				t.Fatal(err)
			}
			if s, err := guard.Lookup(ctx, token); err != nil || s.UserID() != "ann" {
				t.Fatalf("got %v, %v", s, err)
			}
			if err := guard.RevokeUser(ctx, "ann"); err != nil {
				t.Fatal(err)
			}
			if _, err := guard.Lookup(ctx, token); err == nil {
				t.Fatal("a revoked session is alive")
			}
			if err := guard.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	}
	if inPostgreSQL(nil) == nil {
		t.Fatal("no backend")
	}
}
