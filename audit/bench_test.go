package audit_test

import (
	"io"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
)

func bench(b *testing.B, s nguard.Sink, e nguard.Event) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Record(b.Context(), e); err != nil {
			b.Fatal(err)
		}
	}
}

// benchParallel runs with 64 goroutines for each core, as a server would.
func benchParallel(b *testing.B, s nguard.Sink, e nguard.Event) {
	b.Helper()
	b.ReportAllocs()
	b.SetParallelism(64)
	var failed atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if s.Record(b.Context(), e) != nil {
				failed.Add(1)
			}
		}
	})
	if n := failed.Load(); n > 0 {
		b.Fatalf("%d records failed", n)
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	buf := make([]byte, 0, 1024)
	e := event(1, nguard.ClassChange)
	b.ReportAllocs()
	for b.Loop() {
		buf = audit.AppendJSON(buf[:0], e)
	}
}

func BenchmarkMemory(b *testing.B) { bench(b, audit.NewMemory(0), event(1, nguard.ClassChange)) }

func BenchmarkSlogDiscard(b *testing.B) {
	bench(b, audit.NewSlog(slog.New(slog.NewJSONHandler(io.Discard, nil))), event(1, nguard.ClassChange))
}

func BenchmarkFile(b *testing.B) {
	for name, o := range map[string]audit.FileOptions{"Sync": {}, "NoSync": {NoSync: true}} {
		b.Run(name, func(b *testing.B) {
			f, _ := openFile(b, o)
			bench(b, f, event(1, nguard.ClassChange))
		})
		b.Run(name+"Parallel", func(b *testing.B) {
			f, _ := openFile(b, o)
			benchParallel(b, f, event(1, nguard.ClassChange))
		})
	}
}

func BenchmarkAsync(b *testing.B) {
	a := audit.NewAsync(&audit.Memory{}, audit.AsyncOptions{Queue: 1 << 16})
	b.Run("Observation", func(b *testing.B) { bench(b, a, event(1, nguard.ClassObservation)) })
	b.Run("Change", func(b *testing.B) { bench(b, a, event(1, nguard.ClassChange)) })
}

func BenchmarkRedact(b *testing.B) {
	s := audit.NewRedact(audit.NewMemory(0), audit.MaskIP(24, 48), audit.DropUserAgent, audit.Emails, audit.Fields("note"))
	bench(b, s, event(1, nguard.ClassChange))
}

func BenchmarkFanout(b *testing.B) {
	bench(b, fanout(b, audit.FanoutOptions{}, audit.Durable(&audit.Memory{}), audit.BestEffort(&audit.Memory{})), event(1, nguard.ClassChange))
}
