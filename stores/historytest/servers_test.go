package historytest

import (
	"testing"
	"time"

	"github.com/nguard-go/nguard/stores/redisstore"
	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/sqlstore"
)

func postgres(t *testing.T) setup { return database(t, servicetest.Postgres(t), sqlstore.Postgres) }

func mariadb(t *testing.T) setup { return database(t, servicetest.MySQL(t), sqlstore.MySQL) }

// database is one that many histories use, one after another.
func database(t *testing.T, d servicetest.Database, dialect *sqlstore.Dialect) setup {
	u := viaProxy(t, d.Addr, func(addr string) store {
		d.Addr = addr
		return migrated(t, d.Open(t), dialect)
	})
	u.moment, u.every = 2*time.Millisecond, 6
	return u
}

// redisServer is a process of its own. A list asks for the names first and for the rows then.
func redisServer(t *testing.T) setup {
	server := servicetest.StartRedis(t)
	u := viaProxy(t, server.Addr, func(addr string) store {
		options, err := redisstore.Options("redis://" + addr)
		if err != nil {
			t.Fatal(err)
		}
		s, err := redisstore.New(servicetest.RedisClient(t, options), redisstore.Config{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
	u.moment, u.every = 300*time.Microsecond, 3
	return u
}

// viaProxy opens the clients' handles through a proxy, and the calm one directly.
func viaProxy(t *testing.T, server string, open func(addr string) store) setup {
	p := servicetest.NewProxy(t, server)
	u := several(func() store { return open(p.Addr) }, func() store { return open(server) })
	u.cut = p.Cut
	return u
}
