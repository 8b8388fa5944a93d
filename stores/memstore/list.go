package memstore

import (
	"cmp"
	"context"
	"slices"

	nguard "github.com/nguard-go/nguard/core"
)

// Rows holds the lock of the owner's shard: the list and the epoch stand still meanwhile.
func (b *rows) Rows(ctx context.Context, name, after string, n int) ([]nguard.Row, nguard.Epoch, error) {
	if err := ended(ctx); err != nil {
		return nil, nguard.Epoch{}, err
	}
	sh := b.owner(name)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	o := sh.m[name]
	if o == nil {
		e, err := nguard.NewEpoch()
		return nil, e, err
	}
	var list []nguard.Row
	for s := o.first; s != nil; s = s.next {
		if row := b.look(s); row.ID > after {
			list = append(list, row)
		}
	}
	slices.SortFunc(list, func(x, y nguard.Row) int { return cmp.Compare(x.ID, y.ID) })
	return list[:min(len(list), max(n, 0))], *o.epoch.Load(), nil
}
