package mysqltest

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	_ "github.com/go-sql-driver/mysql"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/sqlstore"
)

// A program opens the database, with a pool that fits the server, and brings the tables up to date before it
// gives the store to its guard. Several processes may do so at once.
func Example() {
	ctx := context.Background()
	db, err := sql.Open("mysql", "root@tcp(127.0.0.1:3306)/app?rejectReadOnly=true&innodb_lock_wait_timeout=3")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	db.SetMaxOpenConns(20)
	db.SetMaxIdleConns(20)
	db.SetConnMaxLifetime(3 * time.Minute)

	store := sqlstore.New(db, sqlstore.MySQL)
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
