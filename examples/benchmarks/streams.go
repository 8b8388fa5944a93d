package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"runtime"
	"syscall"
	"time"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/stores/memstore"
)

// listeners is how many pages are open at once.
const listeners = 8000

// enoughFiles says whether the process may have both ends of so many connections.
func enoughFiles() bool {
	var limit syscall.Rlimit
	return syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil && limit.Cur > 2*listeners+100
}

// openPages has 400 people listen to events on 20 pages each, over real connections. It returns the bytes of memory
// for a page, those of its own end of the connection included, and how long it takes until all pages have heard of a change of everybody.
func openPages() (perPage float64, heard time.Duration) {
	const people, pages = listeners / 20, 20
	users := make([]nguard.User, people)
	for i := range users {
		users[i] = nguard.User{ID: fmt.Sprint("user-", i), Name: "somebody"}
	}
	g := must(nguard.New(nguard.Config{Store: memstore.New(), Users: guardtest.NewUsers(users...),
		Limits: nguard.Limits{Login: nguard.Unlimited, Update: nguard.Unlimited}}))
	ctx := nguard.WithActor(context.Background(), "bench")
	server := httptest.NewServer(httpguard.Sessions(g)(httpguard.Endpoints(g)(nil)))
	defer server.Close()
	defer func() { _ = g.Shutdown(ctx) }()
	defer g.EndStreams()

	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var conns []net.Conn
	for _, u := range users {
		token, _, err := g.Login(ctx, u.ID, nguard.LoginOptions{})
		if err != nil {
			panic(err)
		}
		for range pages {
			c := must(net.Dial("tcp", server.Listener.Addr().String()))
			defer c.Close()
			must(fmt.Fprintf(c, "GET /api/auth/events HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\nCookie: %s=%s\r\n\r\n", g.CookieName(), token))
			updated(c)
			conns = append(conns, c)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)

	begin := time.Now()
	for _, u := range users {
		must(g.ChangeUser(ctx, u.ID, func(u *nguard.User) error { u.Name = "somebody else"; return nil }))
	}
	for _, c := range conns {
		updated(c)
	}
	size := func(m *runtime.MemStats) float64 { return float64(m.HeapAlloc + m.StackInuse) }
	return (size(&after) - size(&before)) / (people * pages), time.Since(begin)
}

// updated reads until a connection has told of an update.
func updated(c net.Conn) {
	var read []byte
	buf := make([]byte, 4<<10)
	for !bytes.Contains(read, []byte("event: session.updated")) {
		read = append(read, buf[:must(c.Read(buf))]...)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
