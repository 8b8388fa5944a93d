package servicetest_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/nguard-go/nguard/stores/servicetest"
)

func TestDatabases(t *testing.T) {
	for name, open := range map[string]func(testing.TB) servicetest.Database{
		"postgres": servicetest.Postgres, "mysql": servicetest.MySQL,
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			p := servicetest.NewProxy(t, d.Addr)
			direct, through := d.Open(t), d.Through(p).Open(t)
			if _, err := direct.Exec("CREATE TABLE a (b INT)"); err != nil {
				t.Fatal(err)
			}
			if _, err := through.Exec("INSERT INTO a VALUES (1)"); err != nil {
				t.Fatal(err)
			}
			p.Refuse()
			if err := through.Ping(); err == nil {
				t.Fatal("reached through a proxy that refuses")
			}
			p.Heal(t)
			if err := through.Ping(); err != nil {
				t.Fatal(err)
			}
			p.Hang()
			listening, _ := d.Through(p).Listen(t)
			for _, db := range []*sql.DB{through, listening} {
				ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
				defer cancel()
				if err := db.PingContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Fatalf("got %v from a proxy that hangs", err)
				}
			}
			p.Heal(t)
		})
	}
}

func TestRedis(t *testing.T) {
	s := servicetest.StartRedis(t)
	c := redis.NewClient(&redis.Options{Addr: s.Addr})
	defer c.Close()
	if err := c.Set(t.Context(), "a", "b", 0).Err(); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	if err := c.Get(t.Context(), "a").Err(); err == nil {
		t.Fatal("reached a server that is stopped")
	}
	s.Start()
	if err := c.Get(t.Context(), "a").Err(); err != redis.Nil {
		t.Fatalf("got %v from an empty server", err)
	}
}
