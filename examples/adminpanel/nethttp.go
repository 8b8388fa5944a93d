package main

import (
	"encoding/json"
	"io"
	"net/http"

	"github.com/nguard-go/nguard/adapters/httpguard"
)

// netHTTP is the program on net/http.
func netHTTP(a *app) server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		for name, value := range pageHeaders {
			w.Header().Set(name, value)
		}
		_, _ = io.WriteString(w, page(r.Host)) // the reader may have left
	})
	mux.HandleFunc("GET /healthz", handle(a.healthz))
	mux.HandleFunc("POST /api/visits", handle(a.visit))
	mux.Handle("GET /api/users", httpguard.Require(a.guard, ReadUsers)(handle(a.listUsers)))
	mux.Handle("GET /api/audit", httpguard.Require(a.guard, ReadAudit)(handle(a.listAudit)))
	return httpServer(a, httpguard.Sessions(a.guard)(httpguard.Endpoints(a.guard)(mux)))
}

// handle is a native handler for an action.
func handle(do action) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := do(r.Context(), httpguard.From(r), r.URL.Query().Get)
		if err != nil {
			httpguard.Fail(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(v) // the reader may have left
	}
}
