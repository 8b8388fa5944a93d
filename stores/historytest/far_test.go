package historytest

import (
	"context"
	"math/rand/v2"
	"runtime"

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
		b := far{broken(s.Backend().(rows))}
		return handle{nguard.Keyed(b).(keyed), b}
	}
	return several(open, func() store { return s })
}

// far puts a way between a client and the rows, on which others overtake: memory answers so fast that calls
// would hardly ever meet on a machine with few processors that has other work, too.
type far struct{ rows rows }

func way() {
	for range rand.IntN(4) {
		runtime.Gosched()
	}
}

func (b far) Insert(ctx context.Context, r nguard.Row, c nguard.Cap) ([]string, error) {
	way()
	defer way()
	return b.rows.Insert(ctx, r, c)
}

func (b far) Get(ctx context.Context, k nguard.Key) (nguard.Row, nguard.Epoch, error) {
	way()
	defer way()
	return b.rows.Get(ctx, k)
}

func (b far) Swap(ctx context.Context, r nguard.Row, version int64) error {
	way()
	defer way()
	return b.rows.Swap(ctx, r, version)
}

func (b far) Mark(ctx context.Context, k nguard.Key, m nguard.Mark) error {
	way()
	defer way()
	return b.rows.Mark(ctx, k, m)
}

func (b far) Delete(ctx context.Context, k nguard.Key) error {
	way()
	defer way()
	return b.rows.Delete(ctx, k)
}

func (b far) Rows(ctx context.Context, owner, after string, n int) ([]nguard.Row, nguard.Epoch, error) {
	way()
	defer way()
	return b.rows.Rows(ctx, owner, after, n)
}

func (b far) Epoch(ctx context.Context, owner string) (nguard.Epoch, error) {
	way()
	defer way()
	return b.rows.Epoch(ctx, owner)
}

func (b far) Bump(ctx context.Context, owner string, bits nguard.Bump) (nguard.Epoch, error) {
	way()
	defer way()
	return b.rows.Bump(ctx, owner, bits)
}
