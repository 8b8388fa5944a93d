package postgrestest

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/sqlstore"
	"github.com/nguard-go/nguard/stores/storetest"
)

// A write for which no connection could be made, since the server's name leads nowhere, has surely not happened.
func TestNameLeadsNowhere(t *testing.T) {
	config, err := pgx.ParseConfig(servicetest.Postgres(t).DSN())
	if err != nil {
		t.Fatal(err)
	}
	var lost atomic.Bool
	config.LookupFunc = func(ctx context.Context, host string) ([]string, error) {
		if lost.Load() {
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}
		return net.DefaultResolver.LookupHost(ctx, host)
	}
	db := stdlib.OpenDB(*config)
	defer db.Close()
	store := sqlstore.New(db, sqlstore.Postgres)
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := storetest.Login(t, store, "ada")
	touch := func(after time.Duration) error {
		_, err := store.Touch(t.Context(), c.Found, c.LastSeen.Add(after))
		return err
	}
	if err := touch(time.Minute); err != nil {
		t.Fatal(err) // so that the statement is prepared
	}
	db.SetMaxIdleConns(-1)
	lost.Store(true)
	if err := touch(2 * time.Minute); !errors.Is(err, nguard.ErrUnavailable) || errors.Is(err, nguard.ErrOutcomeUnknown) {
		t.Errorf("got %v, want ErrUnavailable and no unknown outcome", err)
	}
	lost.Store(false)
	if err := touch(3 * time.Minute); err != nil {
		t.Error(err)
	}
}
