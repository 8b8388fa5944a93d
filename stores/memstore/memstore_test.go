package memstore_test

import (
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
		Dump: func(t *testing.T) [][]byte { return storetest.DumpRows(t, s.Backend()) },
	}
}

func TestStore(t *testing.T) { storetest.Run(t, open) }

func TestDecorated(t *testing.T) { storetest.Run(t, storetest.Decorated(open)) }
