package promises

import (
	"context"
	"fmt"
	"slices"
	"testing/synctest"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// try is one operation: what it does, what came of it, and what that may and must have done.
type try struct {
	*doing
	kind       string
	run        func(ctx context.Context) error
	token      string
	shown      digest
	own        *session // of the token, or the one that the operation is about
	user       string
	unsafe     bool
	addsVisit  bool
	addsWrite  bool
	makes      bool
	foreign    bool // a login over somebody else's session, which ends first, and may end although the login fails
	replaces   bool // makes, in the place of own
	ends       func(*session) bool
	loses      bool // the browser never gets the answer
	start, end int  // of the scheduler's clock
	began      time.Time
	floor      int
	verdict    verdict
	known      map[string]bool // the sessions at the start
	base       int             // own's visits as answered before the start

	// what came back
	err      error
	outcome  outcome
	session  *nguard.Session
	live     string
	visits   int
	wrote    int // the number that a change of the person gave
	calls    [3]int
	finished time.Time
}

func (o *try) String() string {
	id := ""
	if o.own != nil {
		id = " of " + o.own.id[:4]
	}
	answer := ""
	if o.session != nil {
		answer = fmt.Sprintf(" [%s %s %s v%d visits %d]", o.session.ID()[:4], o.session.User().Name, o.session.User().Role, o.session.Version(), o.visits)
	}
	if o.hit {
		answer += " (fault)"
	}
	return fmt.Sprintf("%s%s %s ticks %d-%d at %s: %v %v%s", o.kind, id, o.user, o.start, o.end, o.began.Format("15:04:05"), o.outcome, o.err, answer)
}

// half says that an operation was right to answer although not all that it should end has ended: a login
// that could not read what the browser held before, and a person who was shut out while the last bump
// failed, so that each of their requests asks the users table.
func (o *try) half(s *simulation) bool {
	return o.hit && (o.kind == "login" || o.kind == "disable" && s.epochs[o.user].Open > 0)
}

// episode runs one operation alone, or two or three together, and then looks at everything.
func (s *simulation) episode() {
	switch n := s.random.IntN(100); {
	case n < 12:
		s.advance()
		return
	case n < 16:
		s.direct()
		return
	}
	<-time.After(time.Microsecond) // no two moments are the same
	n := 1
	if s.random.IntN(100) < 55 {
		n = 2 + s.random.IntN(2)
	}
	trouble := s.random.IntN(100) < 12
	if trouble {
		p := s.procs[s.random.IntN(2)]
		p.left, p.crash, p.lost = 1+s.random.IntN(9), s.random.IntN(2) == 0, s.random.IntN(2) == 0
		s.trouble = true
	}
	focus := modelPeople[s.random.IntN(len(modelPeople))] // operations meet when they are about the same person
	var focused *session
	if n > 1 && s.random.IntN(3) > 0 {
		focused = s.anySession(focus)
	}
	var tries []*try
	duel := n > 1 && s.random.IntN(5) == 0
	for i := range n {
		o := s.draw(focus, focused)
		for try := 0; duel && try < 300 && !slices.Contains(duels[min(i, 1)], o.kind); try++ {
			o = s.draw(focus, focused)
		}
		o.n, o.free = i, n == 1
		tries = append(tries, o)
	}
	clock := 0
	if n == 1 {
		s.begin(tries[0], &clock)
		s.do(tries[0])
		s.finish(tries[0], &clock)
		synctest.Wait()
	} else {
		s.together += n
		run, order := map[*doing]func(){}, []*doing{}
		by := map[*doing]*try{}
		for _, o := range tries {
			run[o.doing], by[o.doing] = func() { s.do(o) }, o
			order = append(order, o.doing)
		}
		interleave(s.random.IntN, run, order, func(d *doing, started bool) {
			if started {
				s.begin(by[d], &clock)
			} else {
				s.finish(by[d], &clock)
			}
		})
	}
	s.steps += n
	for _, o := range tries {
		s.kinds[o.kind]++
		s.outcomes[o.outcome]++
		s.log = append(s.log, o.String())
	}
	s.settle(tries, n == 1)
	for i, p := range s.procs {
		p.left = 0
		if p.dead.Load() {
			_ = p.guard.Shutdown(context.Background())
			s.procs[i] = s.start()
			s.crashes++
		}
	}
	if len(s.log) > 64 {
		s.log = slices.Clone(s.log[len(s.log)-32:])
	}
}

// duels are what a person changes of themselves, and what else may happen to them meanwhile.
var duels = [][]string{{"rename", "own-role", "both"}, {"role", "disable", "enable", "rename", "own-role", "both", "step-up"}}

func (s *simulation) advance() {
	steps := []time.Duration{300 * time.Millisecond, 2 * time.Second, 9 * time.Second, 11 * time.Second, 11 * time.Second, 70 * time.Second,
		70 * time.Second, 6 * time.Minute, 20 * time.Minute, 50 * time.Minute, 58 * time.Minute, 61 * time.Minute, 5 * time.Hour, 25 * time.Hour}
	i := s.random.IntN(len(steps))
	if i > 9 && s.random.IntN(3) > 0 {
		i = 4
	}
	s.log = append(s.log, "clock "+steps[i].String())
	<-time.After(steps[i])
	s.steps++
	s.kinds["clock"]++
	s.look(nil)
}

// direct is another program that writes the users table: with a bump when it is well-behaved.
func (s *simulation) direct() {
	id := modelPeople[s.random.IntN(len(modelPeople))]
	for _, out := range modelPeople { // those who are out do not stay so for long: little happens to them
		if s.people[out].out() {
			id = out
		}
	}
	p := s.people[id]
	p.n++
	switch {
	case p.gone || p.disabled:
		p.gone, p.disabled = false, false
	case s.random.IntN(4) == 0:
		p.gone = true
	case s.random.IntN(4) == 0:
		p.disabled = true
	default:
		p.role = []string{"user", "moderator"}[s.random.IntN(2)]
	}
	s.write(id, p)
	s.silent[id] = s.random.IntN(2) == 0
	if !s.silent[id] {
		e, err := s.store.Bump(context.Background(), id, nguard.BumpChange)
		if err != nil {
			s.fail("bump: %v", err)
		}
		s.epochs[id] = e
		s.floor[id] = p.n
	}
	s.log = append(s.log, fmt.Sprintf("direct write of %s: %+v, told nobody %v", id, p, s.silent[id]))
	s.steps++
	s.kinds["direct"]++
	s.look(nil)
}

// begin notes what holds before an operation starts.
func (s *simulation) begin(o *try, clock *int) {
	*clock++
	o.start, o.began, o.end = *clock, time.Now(), 1<<30
	o.floor = s.floor[o.user]
	o.known = map[string]bool{}
	for id, own := range s.sessions {
		if !own.dead {
			o.known[id] = true
		}
	}
	if o.token != "" {
		s.shown[o.shown] = true
		o.verdict = s.judge(o.own, o.shown, o.began)
	} else if o.own != nil {
		o.verdict = over
		if !o.own.dead && !s.expired(o.own, o.began) {
			o.verdict = s.standing(o.own)
		}
	}
	if o.own != nil {
		o.base = o.own.visits()
	}
	o.at.calls = [3]int{}
}

func (s *simulation) do(o *try) {
	o.err = o.run(context.WithValue(context.Background(), doingKey{}, o.doing))
}

// finish notes what is known once an operation has been answered.
func (s *simulation) finish(o *try, clock *int) {
	*clock++
	o.end, o.finished, o.calls = *clock, time.Now(), o.at.calls
	o.outcome = outcomeOf(o.err, o.hit && o.at.dead.Load())
	if o.session != nil {
		o.visits = visits.Get(o.session)
	}
	if o.outcome == saysOK && o.addsWrite && o.session == nil {
		s.floor[o.user] = max(s.floor[o.user], o.wrote)
	}
	if o.outcome == saysOK && o.addsWrite && o.session != nil {
		s.floor[o.user] = max(s.floor[o.user], personOf(o.session.User()).n)
	}
}
