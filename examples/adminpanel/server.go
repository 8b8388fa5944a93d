package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// server is the program behind a web framework. Serve returns when Shutdown has been called.
type server interface {
	Serve(net.Listener) error
	Shutdown(context.Context) error
}

// frameworks make it, by the names that -adapter takes.
var frameworks = map[string]func(*app) server{"nethttp": netHTTP, "gin": onGin, "fiber": onFiber}

// httpServer has the limits that a server on net/http needs: their zero values let a slow client hold a
// connection for ever.
func httpServer(a *app, h http.Handler) server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
	}
}
