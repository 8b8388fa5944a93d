package sqltest

import (
	"testing"

	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
)

func BenchmarkSQL(b *testing.B) {
	s := databases[0].sink(b, databases[0].open(b))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		record(b, s, b.Context(), event(i))
	}
}

func BenchmarkSQLInTransaction(b *testing.B) {
	s := databases[0].sink(b, databases[0].open(b))
	tx, err := s.Database().BeginTx(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	ctx := nguard.WithTx(b.Context(), s.Database(), tx)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		record(b, s, ctx, event(i))
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkSQLList(b *testing.B) {
	s := databases[0].sink(b, databases[0].open(b))
	for i := range 1000 {
		record(b, s, b.Context(), event(i))
	}
	b.ReportAllocs()
	for b.Loop() {
		if n := len(list(b, s, audit.Filter{Actor: "user-1"})); n != 50 {
			b.Fatal(n)
		}
	}
}
