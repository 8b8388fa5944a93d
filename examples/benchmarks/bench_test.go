package main

import "testing"

func BenchmarkComparisons(b *testing.B) {
	for _, c := range append(comparisons(), onServers()...) {
		b.Run(c.name+"/nguard", func(b *testing.B) { c.ours(b) })
		b.Run(c.name+"/"+c.peer, func(b *testing.B) { c.theirs(b) })
	}
}

func BenchmarkOverheads(b *testing.B) {
	for _, o := range overheads() {
		b.Run(o.name, func(b *testing.B) { o.with(b) })
		b.Run(o.name+"/bare handler", func(b *testing.B) { o.bare(b) })
	}
}

func BenchmarkAlone(b *testing.B) {
	for name, fn := range alone() {
		b.Run(name, func(b *testing.B) { fn(b) })
	}
}
