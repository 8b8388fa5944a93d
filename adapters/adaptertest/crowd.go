package adaptertest

import (
	"sync"
	"sync/atomic"
)

// crowd runs fn n times on workers goroutines that start together.
func crowd(workers, n int, fn func(i int)) {
	var wg sync.WaitGroup
	var next atomic.Int64
	start := make(chan struct{})
	for range workers {
		wg.Go(func() {
			<-start
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				fn(i)
			}
		})
	}
	close(start)
	wg.Wait()
}
