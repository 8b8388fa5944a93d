package nguard

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// Every decision leaves a record (promise P12). There are three ways to write one, by what the class
// promises: commit waits for the sink and its error refuses the change; later hands the record to the
// backlog, since the end of a session waits for nothing; observe does the same after counting
// repetitions.

// commit writes a record of ClassChange. An error means: not recorded, so do not do it.
func (g *Guard) commit(ctx context.Context, e Event) error {
	e.Class = ClassChange
	return g.write(ctx, g.complete(ctx, e))
}

// done writes what has happened already: when the sink is down, the backlog retries it.
func (g *Guard) done(ctx context.Context, e Event) {
	e.Class = ClassChange
	e = g.complete(ctx, e)
	if err := g.write(ctx, e); err != nil {
		g.log.ErrorContext(ctx, "nguard: audit record delayed", "event", e.Name, "err", err)
		g.spill.add(g, e)
	}
}

// later records the end of a session.
func (g *Guard) later(ctx context.Context, e Event) {
	e.Class = ClassEnd
	g.spill.add(g, g.complete(ctx, e))
}

// observe records a denial, a limit or bad input, unless many like it came before.
func (g *Guard) observe(ctx context.Context, e Event) {
	e.Class = ClassObservation
	e = g.complete(ctx, e)
	for _, e := range g.noise.pass(e) {
		g.spill.add(g, e)
	}
}

func (g *Guard) write(ctx context.Context, e Event) error {
	return g.call(context.WithoutCancel(ctx), "sink.record", func(ctx context.Context) error { return g.sink.Record(ctx, e) })
}

// complete fills in who, when and where. Text that a client chose is cleaned here, once for all sinks
// (checklist L1 to L3).
func (g *Guard) complete(ctx context.Context, e Event) Event {
	if e.ID == "" {
		e.ID = newEventID()
	}
	e.Time, e.Namespace = g.now().UTC().Round(0), g.ns
	if e.Actor == "" {
		e.Actor, _ = actor(ctx)
	}
	if r, ok := FromContext(ctx); ok {
		r.describe(&e)
	}
	// Records wait in queues, and the names may be the program's, out of a buffer that its framework uses again.
	e.Actor, e.Target = strings.Clone(clean(e.Actor)), strings.Clone(clean(e.Target))
	e.UserAgent, e.Path = clean(e.UserAgent), clean(e.Path)
	e.Method, e.RequestID = clean(e.Method), clean(e.RequestID)
	return e
}

// maxText is the longest text from a client that is kept, in bytes.
const maxText = 256

// clean replaces control and formatting characters and invalid UTF-8 by '?' and cuts long text at a
// mark, so that no record can be split, hidden or turned around by what a client sends.
func clean(s string) string {
	if len(s) <= maxText && plain(s) {
		return s
	}
	var b strings.Builder
	for _, c := range s {
		if b.Len() >= maxText-utf8.UTFMax {
			b.WriteString("...")
			break
		}
		if c == utf8.RuneError || hidden(c) {
			c = '?'
		}
		b.WriteRune(c)
	}
	return b.String()
}

func plain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// hidden reports characters that change how the text around them is shown or split.
func hidden(c rune) bool {
	switch {
	case c < 0x20, c >= 0x7f && c < 0xa0, c == 0xad, c == 0x61c, c == 0x180e, c == 0xfeff:
		return true
	case c >= 0x200b && c <= 0x200f, c >= 0x2028 && c <= 0x202e, c >= 0x2060 && c <= 0x206f:
		return true
	case c >= 0xfff9 && c <= 0xfffb, c >= 0xe0000 && c <= 0xe007f:
		return true
	}
	return false
}

func newEventID() string {
	var b [12]byte
	// An ID for joining records: if the source of randomness fails, records go on without one.
	if _, err := rand.Reader.Read(b[:]); err != nil {
		return "none"
	}
	return hex.EncodeToString(b[:])
}
