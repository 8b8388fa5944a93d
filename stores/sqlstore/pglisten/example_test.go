package pglisten_test

import (
	"context"
	"database/sql"
	"log"
	"os"

	_ "github.com/jackc/pgx/v5/stdlib"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/sqlstore"
	"github.com/nguard-go/nguard/stores/sqlstore/pglisten"
)

func Example() {
	ctx, dsn := context.Background(), os.Getenv("DATABASE_URL")
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		log.Fatal(err)
	}
	store := sqlstore.New(db, sqlstore.Postgres)
	if err := store.Migrate(ctx); err != nil {
		log.Fatal(err)
	}
	heard, err := pglisten.New(store, dsn)
	if err != nil {
		log.Fatal(err)
	}
	if err := heard.Install(ctx, db); err != nil {
		log.Fatal(err)
	}
	guard, err := nguard.New(nguard.Config{Store: heard})
	if err != nil {
		log.Fatal(err)
	}
	_ = guard // streams of events hear now what other processes change
}
