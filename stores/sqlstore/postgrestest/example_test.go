package postgrestest

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/sqlstore"
)

// A program opens the database, with a pool that fits the server, and brings the tables up to date before it
// gives the store to its guard. Several processes may do so at once.
func Example() {
	ctx := context.Background()
	db, err := sql.Open("pgx", "postgres://postgres@127.0.0.1:5432/app?target_session_attrs=read-write")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	db.SetMaxOpenConns(20)
	db.SetMaxIdleConns(20)
	db.SetConnMaxLifetime(5 * time.Minute)

	store := sqlstore.New(db, sqlstore.Postgres)
	if err := store.Migrate(ctx); err != nil {
		fmt.Println(err)
		return
	}
	guard, err := nguard.New(nguard.Config{Store: store})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer guard.Shutdown(ctx)
}
