package main

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"testing"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/memstore"
)

// loadOf reads sessions through httpguard from a memory store that holds n of them, of as many people.
func loadOf(n int) side {
	return func(b *testing.B) {
		g, err := nguard.New(nguard.Config{Store: memstore.New()})
		if err != nil {
			b.Fatal(err)
		}
		ctx := nguard.WithActor(context.Background(), "bench")
		// The cookies of all people, in one block without pointers: they are the clients' memory, which the
		// collector of a server never looks at.
		var cookies []byte
		width := 0
		for i := range n {
			token, _, err := g.Login(ctx, fmt.Sprintf("user-%d", i), nguard.LoginOptions{})
			if err != nil {
				b.Fatal(err)
			}
			cookie := g.CookieName() + "=" + token
			width = len(cookie)
			cookies = append(cookies, cookie...)
		}
		h := httpguard.Sessions(g)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := httpguard.From(r).Session(); err != nil {
				b.Fatal(err)
			}
		}))
		w, r := &writer{http.Header{}}, request("x=y")
		measured(b, func(i int) {
			clear(w.h)
			at := i % n * width
			r.Header["Cookie"][0] = string(cookies[at : at+width])
			h.ServeHTTP(w, r)
		})
		runtime.KeepAlive(cookies)
	}
}

// bytesPerSession is what a memory store needs for each of a million sessions, people and epochs included.
func bytesPerSession() float64 {
	const n = 1_000_000
	g, err := nguard.New(nguard.Config{Store: memstore.New()})
	if err != nil {
		panic(err)
	}
	ctx := nguard.WithActor(context.Background(), "bench")
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range n {
		if _, _, err := g.Login(ctx, fmt.Sprintf("user-%d", i), nguard.LoginOptions{}); err != nil {
			panic(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(g)
	return float64(after.HeapAlloc-before.HeapAlloc) / n
}
