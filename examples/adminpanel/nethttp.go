package main

import (
	"encoding/json"
	"net/http"

	"github.com/nguard-go/nguard/adapters/httpguard"
)

// netHTTP is the program on net/http.
func netHTTP(a *app) server {
	mux := http.NewServeMux()
	for _, r := range a.routes() {
		h := http.Handler(handle(r.do))
		if r.need != nil {
			h = httpguard.Require(a.guard, r.need)(h)
		}
		mux.Handle(r.method+" "+r.path, h)
	}
	// The page itself stands outside: it needs no session, and loads while the store is away.
	outer := http.NewServeMux()
	for path, file := range site() {
		if path == "/" {
			path = "/{$}"
		}
		outer.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			status, body := file.answer(r.Header.Get, w.Header().Set)
			w.WriteHeader(status)
			_, _ = w.Write(body) // the reader may have left
		})
	}
	outer.Handle("/", httpguard.Sessions(a.guard)(httpguard.Endpoints(a.guard)(mux)))
	return httpServer(a, outer)
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
