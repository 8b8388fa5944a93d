package main

import "testing"

func BenchmarkComparisons(b *testing.B) {
	for _, c := range comparisons() {
		b.Run(c.name+"/nguard", func(b *testing.B) { c.ours(b) })
		b.Run(c.name+"/"+c.peer, func(b *testing.B) { c.theirs(b) })
	}
}

func BenchmarkAlone(b *testing.B) {
	for name, fn := range alone() {
		b.Run(name, func(b *testing.B) { fn(b) })
	}
}
