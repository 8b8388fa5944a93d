package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"
)

// cost is what the comparison is about, in nanoseconds.
func (c comparison) cost(r testing.BenchmarkResult) float64 {
	if c.wall {
		return float64(r.NsPerOp())
	}
	return r.Extra["cpu-ns/op"]
}

func main() {
	testing.Init()
	flag.Parse()
	fmt.Println("ratios, each the median of rounds that take turns in one run")
	over := 0
	for _, c := range append(comparisons(), onServers()...) {
		var ratios []float64
		// Short rounds that take turns: a shared machine changes its speed from second to second.
		rounds, long := 15, "150ms"
		if c.heavy {
			rounds, long = 3, "2s"
		}
		benchtime(long)
		var ours, theirs testing.BenchmarkResult
		for range rounds {
			ours, theirs = testing.Benchmark(c.ours), testing.Benchmark(c.theirs)
			ratios = append(ratios, c.cost(ours)/c.cost(theirs))
		}
		slices.Sort(ratios)
		mark := ""
		if ratios[rounds/2] > c.budget {
			over++
			mark = "  OVER"
		}
		fmt.Printf("%-32s %8.0f ns %3d allocs  /  %-42s %8.0f ns %4d allocs  =  %.3f  (budget %.2f)%s\n", c.name,
			c.cost(ours), ours.AllocsPerOp(), c.peer, c.cost(theirs), theirs.AllocsPerOp(), ratios[rounds/2], c.budget, mark)
	}
	benchtime("150ms")
	for _, o := range overheads() {
		var extra []float64
		var with, bare testing.BenchmarkResult
		for range 15 {
			with, bare = testing.Benchmark(o.with), testing.Benchmark(o.bare)
			extra = append(extra, with.Extra["cpu-ns/op"]-bare.Extra["cpu-ns/op"])
		}
		slices.Sort(extra)
		fmt.Printf("%-32s %8.0f ns %3d allocs  more than the bare handler\n", o.name, extra[len(extra)/2], with.AllocsPerOp()-bare.AllocsPerOp())
	}
	benchtime("1s")
	names := make([]string, 0)
	for name := range alone() {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		r := testing.Benchmark(alone()[name])
		fmt.Printf("%-32s %8.0f ns %3d allocs\n", name, r.Extra["cpu-ns/op"], r.AllocsPerOp())
	}
	fmt.Printf("%-32s %8.0f bytes\n", "memory: a session of a million", bytesPerSession())
	if enoughFiles() {
		perPage, heard := openPages()
		fmt.Printf("%-32s %8.0f bytes, all have heard of changes of everybody after %v\n", "events: a page of 8000", perPage, heard.Round(time.Millisecond))
	} else {
		fmt.Printf("%-32s left out: this process may not open %d files\n", "events: a page of 8000", 2*listeners+100)
	}
	if over > 0 {
		os.Exit(1)
	}
}

func benchtime(d string) {
	if err := flag.Set("test.benchtime", d); err != nil {
		panic(err)
	}
}
