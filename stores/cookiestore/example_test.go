package cookiestore_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/stores/cookiestore"
	"github.com/nguard-go/nguard/stores/memstore"
)

// The values are in the cookie, and a row in another store says that the session lives. What that cannot
// promise is waived by name.
func Example() {
	secret := make([]byte, 32) // in earnest from the program's secrets, the same in each process
	if _, err := rand.Read(secret); err != nil {
		fmt.Println(err)
		return
	}
	keys, err := cookiestore.NewRing(secret)
	if err != nil {
		fmt.Println(err)
		return
	}
	store, err := cookiestore.New(cookiestore.Config{Keys: keys, Companion: memstore.New(), Audience: "shop/production"})
	if err != nil {
		fmt.Println(err)
		return
	}
	guard, err := nguard.New(nguard.Config{Store: store, Waive: []nguard.Promise{nguard.NoLostUpdate}})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := nguard.WithActor(context.Background(), "ann")
	cookie, _, err := guard.Login(ctx, "ann", nguard.LoginOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	session, err := guard.Lookup(ctx, cookie)
	fmt.Println(session.UserID(), err)

	// The row is what ends it, wherever the cookie is.
	if err := guard.RevokeUser(ctx, "ann"); err != nil {
		fmt.Println(err)
	}
	_, err = guard.Lookup(ctx, cookie)
	fmt.Println(errors.Is(err, nguard.ErrNoSession))
	// Output:
	// ann <nil>
	// true
}

// Without a companion a guard does without nearly every promise, each waived by name, and says so where it
// cannot do what it is asked.
func Example_bare() {
	keys, err := cookiestore.NewRing([]byte("q6Zb0Vt2sXw9LrT4uJm8HcYkEo1NdPfA"))
	if err != nil {
		fmt.Println(err)
		return
	}
	store, err := cookiestore.New(cookiestore.Config{Keys: keys})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = nguard.New(nguard.Config{Store: store})
	fmt.Println(err)
	guard, err := nguard.New(nguard.Config{
		Store:  store,
		Users:  guardtest.NewUsers(nguard.User{ID: "ann"}), // asked once a minute
		Limits: nguard.Limits{Login: nguard.Unlimited, Update: nguard.Unlimited},
		Waive: []nguard.Promise{nguard.NoLostUpdate, nguard.ReachesAll, nguard.CatchesThieves, nguard.StaysDead,
			nguard.ListsSessions, nguard.CapsSessions},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = guard.RevokeUser(nguard.WithActor(context.Background(), "ann"), "ann")
	fmt.Println(errors.Is(err, errors.ErrUnsupported))
	// Output:
	// nguard: Config.Store cannot promise NoLostUpdate: use another store, or name nguard.NoLostUpdate in Config.Waive to do without
	// true
}

// Keys change while the program runs: what an older key has sealed is sealed again when it is shown.
func ExampleRing_Set() {
	first, second := []byte("q6Zb0Vt2sXw9LrT4uJm8HcYkEo1NdPfA"), []byte("8zL0qJ3wpa4a2WvB1oYB1uWb8FYl0rA3")
	keys, err := cookiestore.NewRing(first)
	if err != nil {
		fmt.Println(err)
		return
	}
	store, err := cookiestore.New(cookiestore.Config{Keys: keys, Companion: memstore.New()})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	created, err := store.Create(ctx, &nguard.Record{Owner: "ann", Version: 1}, nguard.Cap{})
	if err != nil {
		fmt.Println(err)
		return
	}

	if err := keys.Set(second, first); err != nil { // to all processes: read both, write the new one
		fmt.Println(err)
	}
	found, err := store.Load(ctx, created.Live)
	fmt.Println(found.Live == created.Live, err)

	if err := keys.Set(second); err != nil { // when nobody can have the old one any more
		fmt.Println(err)
	}
	_, err = store.Load(ctx, created.Live)
	fmt.Println(errors.Is(err, nguard.ErrMalformed))
	_, err = store.Load(ctx, found.Live)
	fmt.Println(err)
	// Output:
	// false <nil>
	// true
	// <nil>
}
