package memstore_test

import (
	"context"
	"fmt"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/memstore"
)

// A program gives the store to its guard and never calls it. This is what the guard does with it: a
// token goes in and a record comes out.
func Example() {
	ctx := context.Background()
	store := memstore.New()

	epoch, _ := store.Epoch(ctx, "ada")
	now := time.Now().UTC()
	created, err := store.Create(ctx, &nguard.Record{
		Owner: "ada", Version: 1, Created: now, Expires: now.Add(24 * time.Hour), Stamp: epoch,
		User: nguard.User{ID: "ada", Role: "admin"},
	}, nguard.Cap{Max: 5, EvictOldest: true, Now: now})
	if err != nil {
		fmt.Println(err)
		return
	}

	found, err := store.Load(ctx, created.Live)
	fmt.Println(found.Record.User.Role, found.Stamp.Revoke == found.User.Revoke, err)

	// "Log out everywhere" changes the epoch; every session of another stamp is dead from now on.
	if _, err := store.Bump(ctx, "ada", nguard.BumpRevoke); err != nil {
		fmt.Println(err)
	}
	found, err = store.Load(ctx, created.Live)
	fmt.Println(found.Record.User.Role, found.Stamp.Revoke == found.User.Revoke, err)
	// Output:
	// admin true <nil>
	// admin false <nil>
}

// A guard sweeps by itself. A program without one gives memory back like this.
func ExampleStore_Sweep() {
	ctx := context.Background()
	store := memstore.New()
	now := time.Now().UTC()
	for range 25 {
		record := &nguard.Record{Owner: "ada", Version: 1, Created: now, Expires: now.Add(time.Hour)}
		if _, err := store.Create(ctx, record, nguard.Cap{}); err != nil {
			fmt.Println(err)
		}
	}
	for {
		n, err := store.Sweep(ctx, now.Add(time.Hour), 10)
		fmt.Println(n, err)
		if n < 10 {
			break
		}
	}
	// Output:
	// 10 <nil>
	// 10 <nil>
	// 5 <nil>
}
