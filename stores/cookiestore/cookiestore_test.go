package cookiestore_test

import (
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/cookiestore"
	"github.com/nguard-go/nguard/stores/memstore"
	"github.com/nguard-go/nguard/stores/storetest"
)

var secret = []byte("q6Zb0Vt2sXw9LrT4uJm8HcYkEo1NdPfA")

func ring(t testing.TB, current []byte, older ...[]byte) *cookiestore.Ring {
	t.Helper()
	r, err := cookiestore.NewRing(current, older...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sealed(t testing.TB, c cookiestore.Config) *cookiestore.Store {
	t.Helper()
	if c.Keys == nil {
		c.Keys = ring(t, secret)
	}
	s, err := cookiestore.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func open(t *testing.T) storetest.Harness {
	rows := memstore.New()
	return storetest.Harness{
		Store:  sealed(t, cookiestore.Config{Companion: rows}),
		Peer:   func(t *testing.T) nguard.Store { return sealed(t, cookiestore.Config{Companion: rows}) },
		Sealed: true,
		Dump:   func(t *testing.T) [][]byte { return storetest.DumpRows(t, rows.Backend()) },
	}
}

func TestStore(t *testing.T) { storetest.Run(t, open) }

func TestDecorated(t *testing.T) { storetest.Run(t, storetest.Decorated(open)) }
