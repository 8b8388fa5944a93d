package audit

import (
	"context"
	"database/sql"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"

	nguard "github.com/nguard-go/nguard/core"
)

// Rule changes an event before it is written: it masks or drops a part. The event is a copy whose
// Changes belong to the rule; what their values point to does not. Rules are called by many goroutines
// at once.
type Rule func(e *nguard.Event)

// Redact is a wrapper that applies rules to each event before the sink inside sees it (ASVS 16.2.5):
//
//	audit.NewRedact(sink, audit.MaskIP(24, 48), audit.DropUserAgent, audit.Fields("note"))
//
// A rule that panics does not lose the record: the rest of the rules still run, and a reduced record
// is written, which says so in its Reason. It lacks the values of changes, the address, the user agent
// and the path. It keeps who did what to whom, because a value that makes a rule fail must not let its
// author stay unnamed.
//
// Safe for concurrent use if its rules and the sink are. The zero value fails. Deadlines, transactions
// and draining are those of the sink inside.
type Redact struct {
	sink  nguard.Sink
	rules []Rule
}

var (
	_ nguard.Sink          = (*Redact)(nil)
	_ nguard.Transactional = (*Redact)(nil)
	_ nguard.Drainer       = (*Redact)(nil)
)

// NewRedact returns a sink that applies rules, in their order, and records to s.
func NewRedact(s nguard.Sink, rules ...Rule) *Redact {
	return &Redact{sink: s, rules: slices.Clone(rules)}
}

// Record records e, redacted, to the sink inside and returns its error.
func (r *Redact) Record(ctx context.Context, e nguard.Event) error {
	if r.sink == nil {
		return unavailable("redact", errNoSink)
	}
	e.Changes = slices.Clone(e.Changes)
	failed := false
	for _, rule := range r.rules {
		if !apply(rule, &e) {
			failed = true
		}
	}
	if failed {
		e = reduced(e)
	}
	return r.sink.Record(ctx, e)
}

// Unwrap returns the sink inside.
func (r *Redact) Unwrap() any { return r.sink }

// Database returns the database of the sink inside, or nil.
func (r *Redact) Database() *sql.DB { return databaseOf(r.sink) }

// Drain drains the sink inside.
func (r *Redact) Drain(ctx context.Context) error { return drain(ctx, r.sink) }

// apply reports whether the rule came to its end.
func apply(rule Rule, e *nguard.Event) (ok bool) {
	defer func() { ok = recover() == nil }()
	rule(e)
	return true
}

func reduced(e nguard.Event) nguard.Event {
	for i, c := range e.Changes {
		e.Changes[i] = nguard.Change{Field: c.Field, From: nguard.Redacted{}, To: nguard.Redacted{}}
	}
	e.Reason = "reduced: a redaction rule failed"
	e.IP, e.UserAgent, e.Path = "", "", ""
	return e
}

// DropIP is a [Rule] that leaves out the address.
func DropIP(e *nguard.Event) { e.IP = "" }

// DropUserAgent is a [Rule] that leaves out the user agent.
func DropUserAgent(e *nguard.Event) { e.UserAgent = "" }

// DropPath is a [Rule] that leaves out the path, for services that have persons in their paths.
func DropPath(e *nguard.Event) { e.Path = "" }

// MaskIP returns a [Rule] that keeps only a prefix of the address, of v4 or v6 bits: MaskIP(24, 48)
// makes 203.0.113.0/24 of 203.0.113.7. What is not an address is masked as a whole.
func MaskIP(v4, v6 int) Rule {
	return func(e *nguard.Event) {
		if e.IP == "" {
			return
		}
		addr, err := netip.ParseAddr(e.IP)
		addr = addr.Unmap().WithZone("")
		bits := v6
		if addr.Is4() {
			bits = v4
		}
		prefix, prefixErr := addr.Prefix(bits)
		if err != nil || prefixErr != nil {
			e.IP = redacted
			return
		}
		e.IP = prefix.String()
	}
}

// Fields returns a [Rule] that masks the values of the named fields of [nguard.Event.Changes], in
// whatever case their names are written. That they changed stays on record.
func Fields(names ...string) Rule {
	names = slices.Clone(names)
	return func(e *nguard.Event) {
		for i, c := range e.Changes {
			if slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, c.Field) }) {
				e.Changes[i].From, e.Changes[i].To = nguard.Redacted{}, nguard.Redacted{}
			}
		}
	}
}

// Type returns a [Rule] that masks each changed value that is a T, points to one or contains one at
// any depth. If T is an interface, those that implement it. For types that cannot be a [Masker].
func Type[T any]() Rule {
	want := reflect.TypeFor[T]()
	match := func(t reflect.Type) bool {
		return t == want || want.Kind() == reflect.Interface && t.Implements(want)
	}
	hide := func(v any) any {
		if holds(v, match) {
			return nguard.Redacted{}
		}
		return v
	}
	return func(e *nguard.Event) {
		for i, c := range e.Changes {
			e.Changes[i].From, e.Changes[i].To = hide(c.From), hide(c.To)
		}
	}
}

// email is an address in the middle of a text, also in a path, where the at sign may be escaped.
var email = regexp.MustCompile(`[\p{L}\p{N}._%+'-]+(@|%40)([\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+)`)

// Emails is a [Rule] that masks the part before the at sign of whatever looks like an e-mail address,
// in all texts of the event and in changed values: "[redacted]@example.com". A changed value that is
// not a text and contains one is masked as a whole. It is not for programs whose user IDs are e-mail
// addresses: their records would name nobody.
func Emails(e *nguard.Event) {
	for _, text := range []*string{
		&e.Actor, &e.Target, &e.Action, &e.Rule, &e.Reason, &e.RequestID, &e.UserAgent, &e.Path,
	} {
		*text = maskEmails(*text)
	}
	for i, c := range e.Changes {
		e.Changes[i].From, e.Changes[i].To = maskEmailsIn(c.From), maskEmailsIn(c.To)
	}
}

func maskEmails(s string) string {
	if !strings.Contains(s, "@") && !strings.Contains(s, "%40") {
		return s
	}
	return email.ReplaceAllString(s, redacted+"$1$2")
}

func maskEmailsIn(v any) any {
	v = mask(v)
	if s, ok := v.(string); ok {
		return maskEmails(s)
	}
	if scalar(v) {
		return v
	}
	if raw, err := marshal(v); err != nil || email.Match(raw) {
		return nguard.Redacted{}
	}
	return v
}

// databaseOf returns the database whose transactions s joins, or nil.
func databaseOf(s nguard.Sink) *sql.DB {
	if t, ok := nguard.Ability[nguard.Transactional](s); ok {
		return t.Database()
	}
	return nil
}
