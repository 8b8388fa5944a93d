package historytest

import (
	"fmt"
	"strings"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// kind names a method of a store.
type kind string

const (
	create kind = "Create"
	load   kind = "Load"
	find   kind = "Find"
	swap   kind = "Replace"
	touch  kind = "Touch"
	remove kind = "Delete"
	bump   kind = "Bump"
	epoch  kind = "Epoch"
	list   kind = "List"
)

// reads reports whether a call of this kind changes nothing: one without an answer tells nothing either.
func (k kind) reads() bool { return k == load || k == find || k == epoch || k == list }

// call is what a client asks for, reduced to what the model needs.
type call struct {
	kind kind
	// name is what the session is called in the test. It stands in Record.Device, which nothing changes: a
	// session whose Create got no answer is recognised by it, although nobody was told its ID.
	name string
	// token is the token that is shown, or that the session at hand was loaded with, as the current one.
	token string
	// value is unique to each write, and stamp the epoch that the written record was judged on.
	value string
	stamp nguard.Epoch
	// at is when: Record.Created of a Create, the idle clock of a Touch, Record.Updated of a Replace.
	at int64

	limit  limit       // Create
	bump   nguard.Bump // Bump
	rotate bool        // Replace
	// version, match, lastSeen and seenAt are what the client knew of the session: Replace and Touch.
	version          int64
	match            nguard.Match
	lastSeen, seenAt int64
}

// limit is a [nguard.Cap] in the names of the test.
type limit struct {
	max     int
	evict   bool
	replace string
	version int64
}

// answer is how a call ended.
type answer string

const (
	done      answer = "done"
	noSession answer = "no session"
	conflict  answer = "conflict"
	tooMany   answer = "too many"
	lost      answer = "outcome unknown"
)

// result is what a client was told.
type result struct {
	answer answer
	views  []view       // of sessions, one unless it is a list
	ended  []string     // IDs
	epoch  nguard.Epoch // Epoch, Bump
}

// view is a session as a client saw it.
type view struct {
	name, id, value, live string
	version               int64
	created               int64
	lastSeen, seenAt      int64
	match                 nguard.Match
	stamp, user           nguard.Epoch
}

func viewOf(f nguard.Found) view {
	value, _ := f.Data["v"].(string)
	return view{
		name: f.Device, id: f.ID, value: value, live: f.Live, version: f.Version,
		created: nguard.EncodeTime(f.Created), lastSeen: nguard.EncodeTime(f.LastSeen), seenAt: nguard.EncodeTime(f.SeenAt),
		match: f.Match, stamp: nguard.Epoch{Change: f.Stamp.Change, Revoke: f.Stamp.Revoke}, user: f.User,
	}
}

// describe is one line of a printed history. Times are relative to zero, and of tokens and random numbers
// the ends are enough to tell them apart.
func describe(zero int64, c call, r result) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	since := func(at int64) string {
		if at == 0 {
			return "never"
		}
		return time.Duration(at - zero).String()
	}
	say("%s", c.kind)
	if c.name != "" {
		say(" %s", c.name)
	}
	switch c.kind {
	case create:
		say(" at %s stamp %s", since(c.at), marks(c.stamp))
		if c.limit != (limit{}) {
			say(" cap %+v", c.limit)
		}
	case load:
		say(" by %s", tail(c.token))
	case swap:
		say(" version %d by %q stamp %s", c.version, c.value, marks(c.stamp))
		if c.rotate {
			say(" and rotate %s", tail(c.token))
		}
	case touch:
		say(" at %s, shown %s match %d seen %s", since(c.at), tail(c.token), c.match, since(c.seenAt))
	case bump:
		say(" %04b", c.bump)
	}
	say(" -> %s", r.answer)
	if r.answer == done && (c.kind == epoch || c.kind == bump) {
		say(" %s", marks(r.epoch))
	}
	for _, v := range r.views {
		say(" {%s id %s version %d %q match %d live %s, last seen %s, token seen %s, stamp %s, user %s}", v.name, tail(v.id),
			v.version, v.value, v.match, tail(v.live), since(v.lastSeen), since(v.seenAt), marks(v.stamp), marks(v.user))
	}
	for _, id := range r.ended {
		say(" ended %s", tail(id))
	}
	return b.String()
}

func tail(s string) string { return s[max(0, len(s)-6):] }

func marks(e nguard.Epoch) string { return fmt.Sprintf("%d/%d/%d", e.Change%1e4, e.Revoke%1e4, e.Open) }
