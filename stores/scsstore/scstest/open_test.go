package scstest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"testing"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/alexedwards/scs/postgresstore"
	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
	"github.com/redis/go-redis/v9"

	"github.com/nguard-go/nguard/stores/scsstore"
	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/storetest"
)

// backends are three of scs's twenty: one that takes no context and is in this process, one that takes none
// and is on a server, and one that takes it.
var backends = map[string]func(t testing.TB) (scs.Store, func() map[string][]byte){
	"memory": memory, "postgres": postgres, "redis": redisBackend,
}

// memory has no goroutine that removes what has expired, which nobody could stop for certain.
func memory(t testing.TB) (scs.Store, func() map[string][]byte) {
	m := memstore.NewWithCleanupInterval(0)
	return m, func() map[string][]byte {
		all, err := m.All()
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
}

func postgres(t testing.TB) (scs.Store, func() map[string][]byte) {
	d := servicetest.Postgres(t)
	db := d.Open(t)
	table(t, db)
	p := postgresstore.NewWithCleanupInterval(db, 0)
	return p, func() map[string][]byte {
		all, err := p.All()
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
}

// table is what scs tells its users to make.
func table(t testing.TB, db *sql.DB) {
	t.Helper()
	_, err := db.Exec(`CREATE TABLE sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL)`)
	if err != nil {
		t.Fatal(err)
	}
}

func redisBackend(t testing.TB) (scs.Store, func() map[string][]byte) {
	o, err := redis.ParseURL(servicetest.RedisURL(t))
	if err != nil {
		t.Fatal(err)
	}
	client := servicetest.RedisClient(t, o)
	s := goredisstore.NewWithPrefix(client, "nguard-test:"+rand.Text()+":")
	all := func() map[string][]byte {
		all, err := s.AllCtx(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	t.Cleanup(func() {
		for key := range all() {
			if err := s.DeleteCtx(context.Background(), key); err != nil {
				t.Error(err)
			}
		}
	})
	return s, all
}

// harness has no Peer: what holds between processes is in processes_test.go.
func harness(open func(t testing.TB) (scs.Store, func() map[string][]byte)) func(t *testing.T) storetest.Harness {
	return func(t *testing.T) storetest.Harness {
		backend, all := open(t)
		return storetest.Harness{
			Store: scsstore.New(backend),
			Dump: func(t *testing.T) (values [][]byte) {
				for key, value := range all() {
					values = append(values, []byte(key), value)
				}
				return values
			},
		}
	}
}

func TestStore(t *testing.T) {
	for name, open := range backends {
		t.Run(name, func(t *testing.T) { storetest.Run(t, harness(open)) })
	}
}

func TestDecorated(t *testing.T) { storetest.Run(t, storetest.Decorated(harness(memory))) }
