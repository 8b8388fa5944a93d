package sqlitetest

import (
	"testing"
)

func BenchmarkLoad(b *testing.B) { server.BenchmarkLoad(b) }

func BenchmarkRevoke(b *testing.B) { server.BenchmarkRevoke(b) }

func BenchmarkWrite(b *testing.B) { server.BenchmarkWrite(b) }

func BenchmarkSweep(b *testing.B) { server.BenchmarkSweep(b) }
