package sqlitetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/sqlstore"
	_ "modernc.org/sqlite"
)

// A program opens the database, with the driver that it likes, and brings the tables up to date before
// it gives the store to its guard.
func Example() {
	ctx := context.Background()
	db, err := sql.Open("sqlite", ":memory:") // a file, in earnest; see the package comment of sqlstore
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // each connection to :memory: has a database of its own

	store := sqlstore.New(db, sqlstore.SQLite)
	if err := store.Migrate(ctx); err != nil {
		fmt.Println(err)
		return
	}
	epoch, _ := store.Epoch(ctx, "ada")
	now := time.Now().UTC()
	created, err := store.Create(ctx, &nguard.Record{
		Owner: "ada", Version: 1, Created: now, Expires: now.Add(24 * time.Hour), Stamp: epoch,
		User: nguard.User{ID: "ada", Role: "admin"},
	}, nguard.Cap{})
	if err != nil {
		fmt.Println(err)
		return
	}
	found, err := store.Load(ctx, created.Live)
	fmt.Println(found.Record.User.Role, err)
	// Output: admin <nil>
}

// The program's own statements and the store's are one transaction: both stand, or neither.
func Example_transaction() {
	ctx := context.Background()
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	store := sqlstore.New(db, sqlstore.SQLite)
	if err := store.Migrate(ctx); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := db.Exec(`CREATE TABLE users (id TEXT PRIMARY KEY, role TEXT); INSERT INTO users VALUES ('ada', 'user')`); err != nil {
		fmt.Println(err)
		return
	}

	err = store.Tx(ctx, func(ctx context.Context) error {
		tx, _ := nguard.TxOf(ctx, db)
		if _, err := tx.ExecContext(ctx, `UPDATE users SET role = 'admin' WHERE id = 'ada'`); err != nil {
			return err
		}
		if _, err := store.Bump(ctx, "ada", nguard.BumpChange); err != nil {
			return err
		}
		return errors.New("changed my mind")
	})
	var role string
	db.QueryRow(`SELECT role FROM users WHERE id = 'ada'`).Scan(&role)
	fmt.Println(role, err)
	// Output: user changed my mind
}
