package main

import (
	_ "embed"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/nguard-go/nguard/adapters/httpguard"
	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
)

// netHTTP is the program on net/http.
func netHTTP(a *app) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", page)
	mux.HandleFunc("GET /healthz", a.healthz)
	mux.HandleFunc("POST /api/visits", a.visit)
	mux.Handle("GET /api/users", httpguard.Require(a.guard, ReadUsers)(http.HandlerFunc(a.listUsers)))
	mux.Handle("GET /api/audit", httpguard.Require(a.guard, ReadAudit)(http.HandlerFunc(a.listAudit)))
	return httpguard.Sessions(a.guard)(httpguard.Endpoints(a.guard)(mux))
}

//go:embed page.html
var pageHTML string

// page names the address that it was opened at in its commands.
func page(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = io.WriteString(w, strings.ReplaceAll(pageHTML, "localhost:8080", html.EscapeString(r.Host))) // the reader may have left
}

func (a *app) healthz(w http.ResponseWriter, r *http.Request) {
	if err := a.guard.Check(r.Context()); err != nil {
		httpguard.Fail(w, r, err)
		return
	}
	answer(w, map[string]string{"status": "ok"})
}

// visit counts in the session: nobody's visit is lost, however many come at once.
func (a *app) visit(w http.ResponseWriter, r *http.Request) {
	s, err := httpguard.From(r).Update(r.Context(), func(d *nguard.Draft) error {
		return Visits.Modify(d, func(n int) int { return n + 1 })
	})
	if err != nil {
		httpguard.Fail(w, r, err)
		return
	}
	answer(w, map[string]any{"visits": Visits.Get(s)})
}

func (a *app) listUsers(w http.ResponseWriter, r *http.Request) {
	list, err := a.users.all(r.Context())
	if err != nil {
		httpguard.Fail(w, r, err)
		return
	}
	answer(w, map[string]any{"users": list})
}

// listAudit answers the newest records; "actor", "target", "event", "before" and "limit" choose. That
// somebody looked is a record too.
func (a *app) listAudit(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f := audit.Filter{Actor: q.Get("actor"), Target: q.Get("target"), Event: q.Get("event"), Outcome: nguard.Outcome(q.Get("outcome"))}
	f.Before, _ = strconv.ParseInt(q.Get("before"), 10, 64) // what is no number means from the newest
	if f.Limit, _ = strconv.Atoi(q.Get("limit")); f.Limit < 1 || f.Limit > 200 {
		f.Limit = 50
	}
	entries, err := a.audit.List(r.Context(), f)
	if err == nil {
		err = httpguard.From(r).Record(r.Context(), nguard.Event{Name: nguard.EventSensitiveRead, Outcome: nguard.Success, Action: "audit"})
	}
	if err != nil {
		httpguard.Fail(w, r, err)
		return
	}
	answer(w, map[string]any{"events": entries})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v) // the reader has left
}
