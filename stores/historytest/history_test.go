package historytest

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	nguard "github.com/nguard-go/nguard/core"
)

// The size of a history: small enough for every order to be tried in a moment, and large enough for each
// fault that is known. There are many of them instead.
const (
	turns    = 8 // of each client, with one or two calls each
	deadline = time.Minute
)

// menu is what the clients of one history choose from.
type menu struct {
	// begun says that there is a session when they start. Without it the first logins of a user race.
	begun bool
	// max and evict are the cap of all logins; logins is their share in percent of all calls.
	max    int
	evict  bool
	logins int
	// restamp says that a Replace may carry a newer stamp, as when the others of a user are logged out.
	restamp bool
}

func newMenu(rng *rand.Rand, caps bool) menu {
	m := menu{begun: rng.IntN(4) != 0, logins: 8, restamp: rng.IntN(3) == 0}
	if caps || rng.IntN(3) == 0 {
		m.max, m.evict, m.logins = 1+rng.IntN(2), rng.IntN(2) == 0, 14
	}
	return m
}

// key is what everybody knows of a session: clients hand each other tokens, as the tabs of a browser do.
type key struct{ name, id, token string }

// history is what several clients did with the sessions of one user, and what came of it.
type history struct {
	ctx     context.Context
	owner   string
	zero    time.Time
	menu    menu
	trouble trouble
	setup   setup
	clock   atomic.Int64 // calls and returns, in the order in which they happened
	failed  atomic.Int64 // calls that found the store unavailable

	cuts sync.WaitGroup // that are still to come

	mu   sync.Mutex
	keys []key
	ops  []porcupine.Operation
}

func (h *history) add(op porcupine.Operation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, op)
}

// now differs at each call, and in the order of calls, whatever the resolution of the clock is.
func (h *history) now() int64 {
	return h.zero.Add(time.Duration(h.clock.Add(1)) * time.Millisecond).UnixNano()
}

func (h *history) learn(f nguard.Found) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if k := (key{f.Device, f.ID, f.Live}); !slices.Contains(h.keys, k) {
		h.keys = append(h.keys, k)
	}
}

func (h *history) key(rng *rand.Rand) (key, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.keys) == 0 {
		return key{}, false
	}
	return recent(rng, h.keys), true
}

// record is what a login stores.
func (h *history) record(c call) *nguard.Record {
	at := time.Unix(0, c.at).UTC()
	return &nguard.Record{
		Owner: h.owner, Version: 1, Created: at, Updated: at, AuthAt: at, Rotated: at,
		Expires: h.zero.Add(24 * time.Hour), Idle: 12 * time.Hour, Stamp: c.stamp,
		User: nguard.User{ID: h.owner, Role: "user"}, Data: map[string]any{"v": c.value}, Device: c.name,
	}
}

// run lets the clients loose on the sessions of a user that nobody had before.
func (u setup) run(ctx context.Context, number uint64, owner string, trouble trouble) *history {
	rng := rand.New(rand.NewPCG(number, 0))
	h := &history{
		ctx: ctx, setup: u, owner: owner, zero: time.Now().UTC().Truncate(time.Second),
		menu: newMenu(rng, u.caps), trouble: none,
	}
	calm := &client{store: u.calm, h: h, n: len(u.clients), rng: rng}
	if h.menu.begun {
		calm.create()
	}
	h.trouble = trouble
	var wg sync.WaitGroup
	line := newLine(len(u.clients))
	for n, s := range u.clients {
		cl := &client{store: s, h: h, n: n, rng: rand.New(rand.NewPCG(number, uint64(n+1)))}
		wg.Go(func() {
			for range turns {
				line.wait()
				cl.act()
			}
		})
	}
	wg.Wait()
	h.cuts.Wait()
	h.trouble = none
	h.close(calm)
	return h
}

// close reads everything that there is: what was lost, or came from nowhere, shows at the latest here.
func (h *history) close(calm *client) {
	calm.list()
	calm.epoch()
	for _, k := range h.keys { // nobody else is there any more, and nothing below adds to them
		if k.token == "" {
			continue
		}
		calm.do(call{kind: load, name: k.name, token: k.token}, func(ctx context.Context, r *result) error {
			f, err := calm.Load(ctx, k.token)
			if err == nil {
				r.views = []view{viewOf(f)}
			}
			return err
		})
	}
}

func (h *history) check() porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(model, h.ops, deadline)
}

// dump prints the history in the order of calls. Before each line stand the client, the numbers of the call
// and of the return, and the place of the call in the longest order that the model agrees with.
func (h *history) dump(t testing.TB) {
	t.Helper()
	slices.SortFunc(h.ops, func(x, y porcupine.Operation) int { return cmp.Compare(x.Call, y.Call) })
	_, info := porcupine.CheckOperationsVerbose(model, h.ops, deadline)
	place := map[int64]int{}
	for _, order := range info.PartialLinearizationsOperations()[0] {
		if len(order) > len(place) {
			clear(place)
			for i, op := range order {
				place[op.Call] = i + 1
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "user %s, %+v\nclient, call, return, place: what was called -> what came of it\n", h.owner, h.menu)
	for _, op := range h.ops {
		end, at := "never", "none"
		if op.Return < math.MaxInt64 {
			end = fmt.Sprint(op.Return)
		}
		if n := place[op.Call]; n > 0 {
			at = fmt.Sprint(n)
		}
		fmt.Fprintf(&b, "%d %4d %5s %4s: %s\n", op.ClientId, op.Call, end, at,
			describe(h.zero.UnixNano(), op.Input.(call), op.Output.(result)))
	}
	t.Log(b.String())
}
