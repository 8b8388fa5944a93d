package nguard

import (
	"context"
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"
)

// noise keeps repeated observations from filling the audit record (checklist M10): of one event by one
// actor from one address, the first noisePerMinute of each minute are written, and the rest is counted
// into the next one written.
type noise struct {
	mu     sync.Mutex
	seen   map[noiseKey]*noiseCount
	purged time.Time
}

type noiseKey struct{ name, who, network string }

type noiseCount struct {
	since   time.Time
	written int
	missed  int   // how many were not written
	held    Event // the last of them
}

const (
	noisePerMinute = 10
	noiseKeys      = 4096
)

// pass returns what is to be written now.
func (n *noise) pass(e Event) (out []Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.seen == nil {
		n.seen = map[noiseKey]*noiseCount{}
	}
	key := noiseKey{e.Name, e.Actor, network(e.IP)}
	if key.who == "" {
		key.who = e.Target // nobody is signed in: a login that fails
	}
	c := n.seen[key]
	if c == nil {
		if len(n.seen) >= noiseKeys && e.Time.Sub(n.purged).Abs() >= time.Second {
			n.purged = e.Time // not for each newcomer: it looks at all of them
			out = n.purge(e.Time)
		}
		if len(n.seen) >= noiseKeys {
			key = noiseKey{name: e.Name} // everybody who does not fit shares one count for each event
			c = n.seen[key]
		}
	}
	if c == nil {
		c = &noiseCount{since: e.Time}
		n.seen[key] = c
	}
	if e.Time.Sub(c.since) >= time.Minute || e.Time.Before(c.since) {
		e.Count += c.missed
		*c = noiseCount{since: e.Time}
	}
	if c.written < noisePerMinute {
		c.written++
		return append(out, e)
	}
	c.missed++
	c.held = e
	return out
}

// network is the part of an address that one client cannot vary: a /64 of IPv6, a whole IPv4.
func network(ip string) string {
	a, err := netip.ParseAddr(ip)
	if err != nil || a.Is4() {
		return ip
	}
	p, err := a.Prefix(64)
	if err != nil {
		return ip
	}
	return p.String()
}

// purge forgets what is over and returns the counts that nothing has carried yet.
func (n *noise) purge(now time.Time) (out []Event) {
	for key, c := range n.seen {
		if now.Sub(c.since) >= time.Minute {
			if c.missed > 0 {
				c.held.Count += c.missed - 1 // beyond itself
				out = append(out, c.held)
			}
			delete(n.seen, key)
		}
	}
	return out
}

func (g *Guard) flushNoise(context.Context) {
	g.noise.mu.Lock()
	held := g.noise.purge(g.now().Add(time.Hour))
	g.noise.mu.Unlock()
	for _, e := range held {
		g.spill.add(g, e)
	}
}

// failures counts the straight failed logins of each account, for the record: limits do the delaying.
// NIST SP 800-63B-4 3.2.2 wants an authenticator disabled after 100; the event at that number tells the
// program.
type failures struct {
	mu     sync.Mutex
	counts map[[16]byte]int // by a digest, so that nobody chooses how much is kept
}

func accountKey(account string) (k [16]byte) {
	sum := sha256.Sum256([]byte(account))
	copy(k[:], sum[:])
	return k
}

const (
	failuresMax  = 100
	failuresKept = 1 << 16
)

func (f *failures) add(account string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counts == nil {
		f.counts = map[[16]byte]int{}
	}
	key := accountKey(account)
	if _, known := f.counts[key]; !known && len(f.counts) >= failuresKept {
		for other := range f.counts {
			delete(f.counts, other)
			break
		}
	}
	f.counts[key]++
	return f.counts[key]
}

// of is how many there are.
func (f *failures) of(account string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[accountKey(account)]
}

func (f *failures) clear(account string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := accountKey(account)
	n := f.counts[key]
	delete(f.counts, key)
	return n
}
