package paritytest

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
)

// difEntry is one line of the corpus: bytes on the wire, or several requests on one connection. {name} is
// the name of the session cookie, {cookie:user} a Cookie pair, {token:user} its token, {handle:user} the
// public handle; {...:dead} is a session that was ended, {token:unknown} well-formed and never issued.
type difEntry struct {
	name    string
	variant difVariant
	raw     string
	end     difEnd
}

// difResult is all that a request has done: the answers, and what is left behind by the decision.
type difResult struct {
	replies             []difReply
	records, state, log string
	changed             bool // the state is another than before
}

// difRun sends an entry to the application on one framework.
func difRun(t testing.TB, f difFramework, e difEntry) difResult {
	t.Helper()
	w := newDifWorld(t, e.variant)
	before := w.state(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stop := f.start(t, w, e.variant, l)
	r := difResult{replies: difAsk(t, w, e.variant, l.Addr().String(), e)}
	stop()
	r.state = w.state(t)
	r.changed = r.state != before
	r.log = w.log.String() // before the end, when a sweep may say that it was put off
	r.records = w.records(t)
	return r
}

// short is what a person wants to know of a result: the statuses and types of the answers.
func (r difResult) short() string {
	list := make([]string, len(r.replies))
	for i, a := range r.replies {
		list[i] = fmt.Sprint(a.status)
		for _, line := range a.header {
			if kind, ok := strings.CutPrefix(line, "Content-Type: "); ok {
				kind, _, _ = strings.Cut(kind, ";")
				list[i] += " " + strings.TrimPrefix(strings.TrimPrefix(kind, "application/"), "text/")
			}
		}
	}
	if len(list) == 0 {
		return "closed"
	}
	return strings.Join(list, " + ")
}

// difCompare names what differs between two results, and shows it.
func difCompare(a, b difResult) (parts []string, report string) {
	var out strings.Builder
	differ := func(part, x, y string) {
		if x == y {
			return
		}
		if !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
		fmt.Fprintf(&out, "  %s:\n    %q\n    %q\n", part, x, y)
	}
	for i := range max(len(a.replies), len(b.replies)) {
		var x, y difReply
		if i < len(a.replies) {
			x = a.replies[i]
		}
		if i < len(b.replies) {
			y = b.replies[i]
		}
		if x.status == 0 || y.status == 0 {
			differ("answers", fmt.Sprint(x.status), fmt.Sprint(y.status))
			continue
		}
		differ("status", fmt.Sprint(x.status), fmt.Sprint(y.status))
		differ("body", x.body, y.body)
		for _, name := range difNames(x.header, y.header) {
			differ(name, difLines(x.header, name), difLines(y.header, name))
		}
	}
	differ("records", a.records, b.records)
	differ("state", a.state, b.state)
	differ("log", a.log, b.log)
	return difFold(parts), out.String()
}

// difSecurity are the headers that all JSON of nguard carries. An answer of another layer lacks them all.
var difSecurity = []string{"Cache-Control", "Content-Security-Policy", "Cross-Origin-Resource-Policy", "Referrer-Policy", "X-Content-Type-Options"}

// difFold says "security headers" where all of them differ.
func difFold(parts []string) []string {
	for _, name := range difSecurity {
		if !slices.Contains(parts, name) {
			return parts
		}
	}
	parts = slices.DeleteFunc(parts, func(p string) bool { return slices.Contains(difSecurity, p) })
	return append(parts, "security headers")
}

func difNames(lists ...[]string) (names []string) {
	for _, list := range lists {
		for _, line := range list {
			name, _, _ := strings.Cut(line, ":")
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func difLines(list []string, name string) string {
	var lines []string
	for _, line := range list {
		if strings.HasPrefix(line, name+":") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
