package scsstore_test

import (
	"fmt"

	"github.com/alexedwards/scs/v2/memstore"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/scsstore"
)

// A guard refuses a store that cannot keep a promise until the program says that it does without. To name
// them one by one, in the program's own text, is better than Lacks when the list is to be read.
func Example() {
	store := scsstore.New(memstore.New())
	_, err := nguard.New(nguard.Config{Store: store})
	fmt.Println(err)
	guard, err := nguard.New(nguard.Config{Store: store, Waive: store.Lacks()})
	fmt.Println(guard != nil, err)
	// Output:
	// nguard: Config.Store cannot promise NoLostUpdate: use another store, or name nguard.NoLostUpdate in Config.Waive to do without
	// true <nil>
}
