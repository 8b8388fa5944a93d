package memstore_test

import (
	"context"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/memstore"
	"github.com/nguard-go/nguard/stores/storetest"
)

func open(t *testing.T) storetest.Harness {
	s := memstore.New()
	return storetest.Harness{
		Store: s,
		// Another guard in the same process.
		Peer: func(*testing.T) nguard.Store { return s },
		Dump: func(t *testing.T) (values [][]byte) {
			for _, owner := range []string{"ada", "eve"} {
				list, _, err := s.Backend().(nguard.RowLister).Rows(context.Background(), owner, "", 1000)
				if err != nil {
					t.Fatal(err)
				}
				for _, row := range list {
					values = append(values, []byte(row.ID), row.Cur, row.Prev, row.Salt, row.Encode())
				}
			}
			return values
		},
	}
}

func TestStore(t *testing.T) { storetest.Run(t, open) }

func TestDecorated(t *testing.T) { storetest.Run(t, storetest.Decorated(open)) }
