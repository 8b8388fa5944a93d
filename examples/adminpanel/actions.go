package main

import (
	"context"
	_ "embed"
	"html"
	"strconv"
	"strings"
	"time"

	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
)

// action is what the program does for a request, whatever the web framework: it answers JSON or an error.
// query is the value of a parameter, or empty.
type action func(ctx context.Context, r *nguard.Request, query func(name string) string) (any, error)

// ownTimeout bounds what the program asks its database itself, as the guard bounds what it asks.
const ownTimeout = 3 * time.Second

func (a *app) healthz(ctx context.Context, _ *nguard.Request, _ func(string) string) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, ownTimeout) // the guard asks one after the other
	defer cancel()
	if err := a.guard.Check(ctx); err != nil {
		return nil, err
	}
	return map[string]string{"status": "ok"}, nil
}

// visit counts in the session: nobody's visit is lost, however many come at once.
func (a *app) visit(ctx context.Context, r *nguard.Request, _ func(string) string) (any, error) {
	s, err := r.Update(ctx, func(d *nguard.Draft) error {
		return Visits.Modify(d, func(n int) int { return n + 1 })
	})
	if err != nil {
		return nil, err
	}
	return map[string]any{"visits": Visits.Get(s)}, nil
}

func (a *app) listUsers(ctx context.Context, _ *nguard.Request, _ func(string) string) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, ownTimeout)
	defer cancel()
	list, err := a.users.all(ctx)
	if err != nil {
		return nil, err
	}
	return map[string]any{"users": list}, nil
}

// listAudit answers the newest records; "actor", "target", "event", "outcome", "before" and "limit" choose. That
// somebody looked is a record too.
func (a *app) listAudit(ctx context.Context, r *nguard.Request, query func(string) string) (any, error) {
	f := audit.Filter{Actor: query("actor"), Target: query("target"), Event: query("event"), Outcome: nguard.Outcome(query("outcome"))}
	f.Before, _ = strconv.ParseInt(query("before"), 10, 64) // what is no number means from the newest
	if f.Limit, _ = strconv.Atoi(query("limit")); f.Limit < 1 || f.Limit > 200 {
		f.Limit = 50
	}
	ctx, cancel := context.WithTimeout(ctx, ownTimeout)
	defer cancel()
	entries, err := a.audit.List(ctx, f)
	if err == nil {
		err = r.Record(ctx, nguard.Event{Name: nguard.EventSensitiveRead, Outcome: nguard.Success, Action: "audit"})
	}
	if err != nil {
		return nil, err
	}
	return map[string]any{"events": entries}, nil
}

//go:embed page.html
var pageHTML string

// page names the address that it was opened at in its commands.
func page(host string) string {
	return strings.ReplaceAll(pageHTML, "localhost:8080", html.EscapeString(host))
}

// pageHeaders go with it.
var pageHeaders = map[string]string{
	"Content-Type":            "text/html; charset=utf-8",
	"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	"X-Content-Type-Options":  "nosniff",
}
