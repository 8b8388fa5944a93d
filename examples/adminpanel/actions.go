package main

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

// action is what the program does for a request, whatever the web framework: it answers JSON or an error.
// query is the value of a parameter, or empty.
type action func(ctx context.Context, r *nguard.Request, query func(name string) string) (any, error)

// route is where an action is, and the policy that must allow it; nil is for everybody.
type route struct {
	method, path string
	need         nguard.Policy
	do           action
}

// routes are the program's own, beside those of nguard below /api/auth/.
func (a *app) routes() []route {
	return []route{
		{http.MethodGet, "/healthz", nil, a.healthz},
		{http.MethodPost, "/api/visits", nil, a.visit},
		{http.MethodPost, "/api/burst", policy.SignedIn, a.burst},
		{http.MethodGet, "/api/users", ReadUsers, a.listUsers},
		{http.MethodGet, "/api/policy", ReadUsers, a.showPolicy},
		{http.MethodGet, "/api/policy/can", ReadUsers, a.mayThey},
		{http.MethodGet, "/api/audit", ReadAudit, a.listAudit},
	}
}

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

// burst does nothing, under a limit of its own that is low enough to run into on purpose.
func (a *app) burst(ctx context.Context, r *nguard.Request, _ func(string) string) (any, error) {
	if err := r.Limit(ctx, a.bursts); err != nil {
		return nil, err
	}
	return map[string]bool{"ok": true}, nil
}

// listAudit answers the newest records; "person" (who did it or whom it was done to), "actor", "target", "event",
// "outcome", "before" and "limit" choose. That somebody looked is a record too.
func (a *app) listAudit(ctx context.Context, r *nguard.Request, query func(string) string) (any, error) {
	f := audit.Filter{Actor: query("actor"), Target: query("target"), Event: query("event"), Outcome: nguard.Outcome(query("outcome"))}
	f.Before, _ = strconv.ParseInt(query("before"), 10, 64) // what is no number means from the newest
	if f.Limit, _ = strconv.Atoi(query("limit")); f.Limit < 1 || f.Limit > 200 {
		f.Limit = 50
	}
	filters := []audit.Filter{f}
	if person := query("person"); person != "" {
		did, was := f, f
		did.Actor, was.Target = person, person
		filters = []audit.Filter{did, was}
	}
	ctx, cancel := context.WithTimeout(ctx, ownTimeout)
	defer cancel()
	entries, err := a.records(ctx, f.Limit, filters...)
	if err == nil {
		err = r.Record(ctx, nguard.Event{Name: nguard.EventSensitiveRead, Outcome: nguard.Success, Action: "audit"})
	}
	if err != nil {
		return nil, err
	}
	return map[string]any{"events": entries}, nil
}

// records are the newest that match any of the filters, each once.
func (a *app) records(ctx context.Context, limit int, filters ...audit.Filter) ([]audit.Entry, error) {
	all := []audit.Entry{}
	for _, f := range filters {
		some, err := a.audit.List(ctx, f)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, func(x, y audit.Entry) int { return cmp.Compare(y.Seq, x.Seq) })
	all = slices.CompactFunc(all, func(x, y audit.Entry) bool { return x.Seq == y.Seq })
	return all[:min(len(all), limit)], nil
}
