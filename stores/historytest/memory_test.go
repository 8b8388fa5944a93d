package historytest

import (
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/memstore"
)

// rows is what memstore keeps below the tokens.
type rows interface {
	nguard.Backend
	nguard.RowLister
	nguard.Epochs
}

// keyed is what nguard.Keyed makes of rows that can be listed.
type keyed interface {
	nguard.Store
	nguard.Lister
}

// handle is a client's store over rows that lie in memory.
type handle struct {
	keyed
	nguard.Epochs
}

// inMemory opens a handle for each client on one memory. What broken makes of the memory lies in between.
func inMemory(broken func(rows) rows) setup {
	s := memstore.New()
	open := func() store {
		b := broken(s.Backend().(rows))
		return handle{nguard.Keyed(b).(keyed), b}
	}
	u := several(open, func() store { return s })
	u.near = true
	return u
}
