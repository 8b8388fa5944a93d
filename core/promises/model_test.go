package promises

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	_ "modernc.org/sqlite"

	"github.com/nguard-go/nguard/adapters/adaptertest"
	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/stores/memstore"
	"github.com/nguard-go/nguard/stores/sqlstore"
)

// TestModel runs 100 000 random operations of several guards on one store, alone or two and three at a
// time, with faults and dying processes among them, against a reference that is plain maps. It runs in
// bubbles of testing/synctest: hours pass at once, and the same seed gives the same order of steps.
func TestModel(t *testing.T) {
	for _, share := range []struct {
		where        string
		seeds, steps int
	}{{"memory", 10, 9000}, {"sqlite", 2, 2500}, {"sqlite, users elsewhere", 2, 2500}} {
		t.Run(share.where, func(t *testing.T) {
			for seed := range share.seeds {
				t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
					t.Parallel()
					began := time.Now()
					s, err := bubble(t, share.where, uint64(seed), share.steps, mutant{})
					took := time.Since(began)
					t.Logf("%d steps in %.1f s (%.0f/s), %s", s.steps, took.Seconds(), float64(s.steps)/took.Seconds(), s.tally())
					if err != nil {
						t.Error(err)
					}
				})
			}
		})
	}
}

// TestModelCatches runs the model on stores and users tables that break one rule each: it must fail.
func TestModelCatches(t *testing.T) {
	const seeds, steps = 3, 6000
	for seed := range uint64(seeds) { // the same seeds find nothing where nothing is broken
		t.Run(fmt.Sprint("not broken, seed ", seed), func(t *testing.T) {
			t.Parallel()
			if _, err := bubble(t, "memory", 100+seed, steps, mutant{}); err != nil {
				t.Error(err)
			}
		})
	}
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(seeds) {
				if _, err := bubble(t, "memory", 100+seed, steps, m); err != nil {
					line, _, _ := strings.Cut(err.Error(), "\n")
					t.Logf("seed %d: %s", 100+seed, line)
					return
				}
			}
			t.Errorf("%d steps and nothing was noticed", seeds*steps)
		})
	}
}

func bubble(t *testing.T, where string, seed uint64, steps int, m mutant) (s *simulation, err error) {
	synctest.Test(t, func(t *testing.T) { s, err = simulate(t, where, seed, steps, m) })
	return s, err
}

// mutant breaks one rule.
type mutant struct {
	name    string
	backend func(nguard.Backend) nguard.Backend
	epochs  func(nguard.Epochs) nguard.Epochs
	users   func(nguard.UserUpdater) nguard.UserUpdater
}

// digest is what a store keeps of a token: the part of its hash that does not travel with it.
type digest [sha256.Size - 6]byte

func digestOf(token string) (d digest) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) != 54 {
		return d
	}
	sum := sha256.Sum256(append([]byte("nguard:"), raw[:48]...))
	return digest(sum[6:])
}

// person is what the users table says; the name counts the writes.
type person struct {
	n              int
	role           string
	gone, disabled bool
}

func personOf(u nguard.User) person {
	n, _ := strconv.Atoi(strings.TrimPrefix(u.Name, "n"))
	return person{n: n, role: u.Role, disabled: u.Disabled}
}

func (p person) out() bool { return p.gone || p.disabled }

func (p person) user(id string) nguard.User {
	return nguard.User{ID: id, Name: "n" + strconv.Itoa(p.n), Role: p.role, Disabled: p.disabled}
}

// session is what the reference knows of one.
type session struct {
	id, user string
	dead     bool
	row      nguard.Row // as it was when nothing was in flight
	tokens   []string   // in the order in which they were given out
	held     string     // what the honest browser holds: it may have missed the last one
}

func versionOf(r nguard.Row) int64 {
	if r.Record == nil {
		return 0
	}
	return r.Version
}

func stored(b []byte) (d digest) {
	copy(d[:], b)
	return d
}

func (s *session) visits() int {
	if s.row.Record == nil {
		return 0
	}
	n, _ := s.row.Data["visits"].(int64)
	return int(n)
}

// simulation is the store, the processes, and the reference: maps.
type simulation struct {
	random   *rand.Rand
	store    modelStore
	rows     nguard.RowLister
	users    nguard.UserUpdater
	truth    func(ctx context.Context, id string) (nguard.User, error) // the table, past every mutant
	put      func(nguard.User)
	remove   func(id string)
	db       *sql.DB
	joined   bool // the sink joins the store's transactions
	model    nguard.Roles
	procs    []*process
	steps    int
	kinds    map[string]int
	outcomes map[outcome]int
	crashes  int
	together int
	rotated  int

	sessions map[string]*session
	order    []string // of their creation
	byDigest map[digest]*session
	shown    map[digest]bool // what a browser has sent, or got from its login
	people   map[string]person
	were     map[string]person          // before the operations in flight
	tried    map[string]map[person]bool // what anybody has tried to write
	epochs   map[string]nguard.Epoch
	floor    map[string]int  // no answer that begins now may show an older state of the person
	silent   map[string]bool // the last write was by somebody who told nobody
	trouble  bool            // a fault may have left an epoch open
	log      []string
}

var modelPeople = []string{"ann", "bob", "cid"}

const modelCap = 4

func simulate(t *testing.T, where string, seed uint64, steps int, m mutant) (s *simulation, err error) {
	s = &simulation{random: rand.New(rand.NewPCG(seed, 7)), model: model(t), kinds: map[string]int{}, outcomes: map[outcome]int{},
		sessions: map[string]*session{}, byDigest: map[digest]*session{}, shown: map[digest]bool{}, people: map[string]person{},
		tried: map[string]map[person]bool{}, epochs: map[string]nguard.Epoch{}, floor: map[string]int{}, silent: map[string]bool{}}
	s.open(t, where, seed, m)
	for _, id := range modelPeople {
		s.write(id, person{role: "user"})
	}
	defer func() {
		for _, p := range s.procs {
			_ = p.guard.Shutdown(context.Background())
		}
		if s.db != nil {
			_ = s.db.Close()
		}
		synctest.Wait()
		if p := recover(); p != nil {
			f, ok := p.(failure)
			if !ok {
				panic(p)
			}
			err = fmt.Errorf("step %d: %s\nbefore:\n%s", s.steps, f, strings.Join(s.log[max(0, len(s.log)-14):], "\n"))
		}
	}()
	s.procs = []*process{s.start(), s.start()}
	for s.steps < steps {
		s.episode()
	}
	return s, nil
}

// failure is what the reference does not accept.
type failure string

func (s *simulation) fail(format string, args ...any) { panic(failure(fmt.Sprintf(format, args...))) }

func (s *simulation) tally() string {
	names := make([]string, 0, len(s.kinds))
	for k := range s.kinds {
		names = append(names, k)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, k := range names {
		fmt.Fprintf(&b, "%s %d, ", k, s.kinds[k])
	}
	fmt.Fprintf(&b, "rotations %d, overlapping %d, crashes %d, answers %v", s.rotated, s.together, s.crashes, s.outcomes)
	return b.String()
}

func (s *simulation) open(t *testing.T, where string, seed uint64, m mutant) {
	var backend nguard.Backend
	if where == "memory" {
		backend = memstore.New().Backend()
	} else {
		// One connection: a statement waits in database/sql, where the bubble sees it, not in the driver.
		db, err := sql.Open("sqlite", "file::memory:?_pragma=synchronous(OFF)")
		if err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(1)
		store := sqlstore.New(db, sqlstore.SQLite)
		if err := store.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.db, backend = db, store.Backend()
	}
	if where == "sqlite" {
		s.joined = seed%2 == 0
		people := adaptertest.SQL(t, func(testing.TB) *sql.DB { return s.db })
		s.users, s.put, s.remove = people.Users.(nguard.UserUpdater), people.Put, people.Remove
	} else {
		users := guardtest.NewUsers()
		s.users, s.put, s.remove = users, users.Put, users.Remove
	}
	s.rows, s.truth = backend.(nguard.RowLister), s.users.User
	if m.backend != nil {
		backend = m.backend(backend)
	}
	if m.users != nil {
		s.users = m.users(s.users)
	}
	base := struct {
		nguard.Store
		nguard.Lister
		nguard.Epochs
		nguard.Sweeper
	}{nguard.Keyed(backend), nil, s.rows.(nguard.Epochs), s.rows.(nguard.Sweeper)}
	base.Lister = base.Store.(nguard.Lister)
	if m.epochs != nil {
		base.Epochs = m.epochs(base.Epochs)
	}
	s.store = base
}

func (s *simulation) start() *process {
	p := &process{}
	d := &door{p, s.store}
	var store nguard.Store = d
	sink := &sinkDoor{p: p}
	if s.db != nil {
		store = &txDoor{d, s.rows.(nguard.Transactor)}
		if s.joined {
			sink.db = s.db
		}
	}
	users := &usersDoor{p, s.users, func(after nguard.User) { s.attempted(after.ID, personOf(after)) }}
	g, err := nguard.New(nguard.Config{Store: store, Users: users, Roles: s.model, Fields: fields(), Audit: sink, MaxSessions: modelCap,
		Limits: nguard.Limits{Login: nguard.Unlimited, Update: nguard.Unlimited}, Lifetime: nguard.Lifetime{Remember: 48 * time.Hour}})
	if err != nil {
		s.fail("%v", err)
	}
	p.guard = g
	return p
}

// write changes the users table behind everybody's back.
func (s *simulation) write(id string, p person) {
	s.attempted(id, p)
	s.people[id] = p
	if p.gone {
		s.remove(id)
	} else {
		s.put(p.user(id))
	}
}

func (s *simulation) attempted(id string, p person) {
	if s.tried[id] == nil {
		s.tried[id] = map[person]bool{}
	}
	s.tried[id][p] = true
}

// verdict is what the reference says of a token.
type verdict int

const (
	live    verdict = iota
	stolen          // it ends the session
	over            // expired, revoked, unknown
	outcast         // the person is gone or disabled: all their sessions end
)

// judge says what a token is worth at a time when nothing is in flight.
func (s *simulation) judge(own *session, d digest, now time.Time) verdict {
	if own == nil || own.dead || s.expired(own, now) {
		return over
	}
	r := own.row
	switch {
	case d == stored(r.Cur):
	case len(r.Prev) > 0 && d == stored(r.Prev) && (r.SeenAt.IsZero() || !now.After(r.SeenAt.Add(nguard.Grace))):
	default:
		return stolen
	}
	return s.standing(own)
}

// standing is whether the person may be here, where the session has to ask.
func (s *simulation) standing(own *session) verdict {
	e, p := s.epochs[own.user], s.people[own.user]
	if (e.Change != own.row.Stamp.Change || e.Open > 0) && (p.gone || p.disabled) {
		return outcast
	}
	return live
}

func (s *simulation) expired(own *session, now time.Time) bool {
	return !now.Before(own.row.Record.Expires) || own.row.Idle > 0 && !now.Before(own.row.LastSeen.Add(own.row.Idle))
}

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

// settle holds what the operations answered and what is stored now against the reference.
func (s *simulation) settle(tries []*try, alone bool) {
	s.were = maps.Clone(s.people)
	s.adoptNew(tries)
	for _, o := range tries {
		if o.outcome == saysDown && !o.hit {
			s.fail("%v: 503 without a fault", o)
		}
		if o.outcome == saysNo {
			s.mayRefuse(o, tries)
		}
		if o.outcome == saysOK && (o.token != "" || o.kind == "job") && o.own != nil && o.verdict != live && !(o.verdict == outcast && !s.now(o.user).out()) && o.kind != "logout" && o.kind != "login" {
			s.fail("%v: answered although the session was dead (%v)", o, o.verdict)
		}
	}
	var predicted nguard.Row
	exact := alone && s.predict(tries[0], &predicted)
	before := map[string]nguard.Row{}
	for id, own := range s.sessions {
		before[id] = own.row
	}
	s.look(tries)
	s.countWrites(tries, s.were)
	s.countVisits(tries, before)
	for _, o := range tries {
		s.checkAnswer(o, tries, before)
	}
	if exact {
		s.checkExact(tries[0], before, predicted)
	}
}

// overlaps says whether b was under way, or over, when a was not yet answered.
func overlaps(a, b *try) bool { return b.start < a.end }

// mayEnd says whether one of the operations may have ended a session.
func (s *simulation) mayEnd(own *session, except *try, tries []*try) bool {
	for _, o := range tries {
		if o != except && o.ends != nil && (o.outcome != saysDown || o.foreign) && (o.outcome != saysNo || o.kind == "end-others" || o.foreign) && o.ends(own) && (except == nil || overlaps(except, o)) {
			return true
		}
		// Whatever is shown with an old token, or by somebody who is gone, ends sessions on the way.
		if o != except && o.own != nil && (o.verdict == stolen && o.own == own || o.verdict == outcast && o.own.user == own.user) {
			return true
		}
		if o != except && o.makes && o.user == own.user && o.outcome != saysNo {
			if s.atCap(own, tries) {
				return true
			}
		}
		// A change makes sessions ask for the person; one who is, or was, out ends all of them.
		if now, was := s.people[own.user], s.were[own.user]; o != except && o.addsWrite && o.user == own.user && (now.out() || was.out()) {
			return true
		}
	}
	return false
}

// atCap says whether there were so many sessions of the person that a login may have ended this one.
func (s *simulation) atCap(own *session, tries []*try) bool {
	n := 0
	for _, other := range s.sessions {
		if other.user == own.user && !other.dead {
			n++
		}
	}
	for _, o := range tries {
		if o.makes && o.user == own.user && o.outcome != saysOK {
			n++ // unknown: it may have made one
		}
	}
	return n > modelCap
}

// mayRefuse checks that a refusal has its reason.
func (s *simulation) mayRefuse(o *try, tries []*try) {
	p := s.people[o.user]
	switch {
	case errors.Is(o.err, nguard.ErrNoSession), errors.Is(o.err, nguard.ErrNotFound):
		if o.own == nil && o.token != "" && s.byDigest[o.shown] == nil {
			return // never issued
		}
		if o.own == nil || o.verdict != live || s.judge(o.own, o.shown, o.finished) == over && o.token != "" {
			return
		}
		if s.mayEnd(o.own, o, tries) {
			return
		}
	case errors.Is(o.err, nguard.ErrBadCredentials), errors.Is(o.err, nguard.ErrNoUser):
		if p.out() || s.were[o.user].out() {
			return
		}
		for _, other := range tries {
			if other.kind == "disable" && other.user == o.user {
				return
			}
		}
	}
	s.fail("%v: refused without a reason", o)
}

// adoptNew takes the sessions that answers name into the reference.
func (s *simulation) adoptNew(tries []*try) {
	for _, o := range tries {
		if o.outcome != saysOK || !o.makes || o.session == nil {
			continue
		}
		id := o.session.ID()
		if s.sessions[id] != nil {
			s.fail("%v: the new session has a used ID", o)
		}
		s.add(&session{id: id, user: o.user})
	}
}

func (s *simulation) add(own *session) {
	s.sessions[own.id] = own
	s.order = append(s.order, own.id)
}

// look reads everything that is stored while nothing is in flight, and holds it against the reference.
func (s *simulation) look(tries []*try) {
	now := time.Now()
	digests := map[digest]bool{}
	there := map[string]nguard.Row{}
	for _, user := range modelPeople {
		rows, epoch, err := s.rows.Rows(context.Background(), user, "", 1000)
		if err != nil {
			s.fail("rows: %v", err)
		}
		if len(rows) > 0 || epoch.Open > 0 {
			s.epochs[user] = epoch
		}
		if epoch.Open > 0 && !s.trouble {
			s.fail("%s: the epoch is open and nothing is under way", user)
		}
		alive := 0
		for _, r := range rows {
			there[r.ID] = r
			own := s.sessions[r.ID]
			if own == nil {
				if !slices.ContainsFunc(tries, func(o *try) bool { return o.makes && o.user == user && o.outcome == saysUnknown }) {
					s.fail("%s: a session that nobody made: %s", user, r.ID)
				}
				own = &session{id: r.ID, user: user}
				s.add(own)
			}
			if own.user != user || r.Owner != user || r.User.ID != user {
				s.fail("session %s belongs to another", r.ID)
			}
			if r.Version < versionOf(own.row) {
				s.fail("session %s went back to version %d", r.ID, r.Version)
			}
			isLive := r.Stamp.Revoke == epoch.Revoke && now.Before(r.Record.Expires) && (r.Idle == 0 || now.Before(r.LastSeen.Add(r.Idle)))
			if own.dead && isLive {
				s.fail("session %s of %s was revived", r.ID, user)
			}
			if !isLive {
				continue
			}
			alive++
			cur := stored(r.Cur)
			if digests[cur] {
				s.fail("two sessions have one digest")
			}
			digests[cur] = true
			if own.row.Record != nil && cur != stored(own.row.Cur) && stored(r.Prev) != stored(own.row.Cur) {
				s.fail("session %s was rotated twice at once", r.ID)
			}
			if own.row.Record == nil {
				s.shown[cur] = true // a login's own token counts as seen
			}
			if !r.SeenAt.IsZero() && !s.shown[cur] {
				s.fail("session %s: its token is marked as seen, and nobody has shown it", r.ID)
			}
			if own.row.Record != nil && (r.LastSeen.Before(own.row.LastSeen) || cur == stored(own.row.Cur) && !own.row.SeenAt.IsZero() && !r.SeenAt.Equal(own.row.SeenAt)) {
				s.fail("session %s: its clock went back", r.ID)
			}
			if own.row.Record != nil && own.row.User.Role != r.User.Role && cur == stored(own.row.Cur) && !r.Due {
				s.fail("session %s: its person is %s now, was %s, and its token stays", r.ID, r.User.Role, own.row.User.Role)
			}
			s.byDigest[cur] = own
		}
		if alive > modelCap {
			s.fail("%s has %d live sessions", user, alive)
		}
		was := s.people[user]
		s.lookAtPerson(user)
		fault := slices.ContainsFunc(tries, func(o *try) bool { return o.hit })
		if p := s.people[user]; p.disabled && !was.out() && !fault && alive > 0 {
			s.fail("%s is shut out and has %d live sessions: a login that raced with it", user, alive)
		}
	}
	for _, id := range s.order {
		own := s.sessions[id]
		r, alive := there[id]
		if own.dead {
			continue
		}
		alive = alive && r.Stamp.Revoke == s.epochs[own.user].Revoke
		for _, o := range tries {
			if alive && o.outcome == saysOK && o.ends != nil && o.known[id] && o.ends(own) && !o.half(s) {
				s.fail("%v: session %s outlived it", o, id)
			}
		}
		if alive {
			own.row = r
			if s.expired(own, now) {
				own.dead = true
			}
			continue
		}
		fresh := own.row.Record == nil
		if !(!fresh && s.expired(own, now)) && !s.mayEnd(own, nil, tries) {
			s.fail("session %s of %s has ended without a reason", id, own.user)
		}
		own.dead = true
	}
	if len(s.order) > 90 { // forget the oldest dead ones
		s.order = slices.DeleteFunc(s.order, func(id string) bool {
			if own := s.sessions[id]; own.dead && len(s.sessions) > 60 {
				delete(s.sessions, id)
				return true
			}
			return false
		})
	}
}

// now is the person as the table has it.
func (s *simulation) now(user string) person {
	u, err := s.truth(context.Background(), user)
	if err != nil {
		return person{gone: true}
	}
	return personOf(u)
}

func (s *simulation) lookAtPerson(user string) {
	u, err := s.truth(context.Background(), user)
	p := personOf(u)
	if errors.Is(err, nguard.ErrNoUser) {
		p = s.people[user]
		p.gone = true
	} else if err != nil {
		s.fail("users: %v", err)
	}
	if !p.gone && !s.tried[user][p] {
		s.fail("%s is %+v, which nobody wrote", user, p)
	}
	if p != s.people[user] {
		s.silent[user] = false // the newest write was one of nguard's
	}
	s.people[user] = p
	if !s.silent[user] {
		s.floor[user] = p.n
	}
}

// countWrites: no change of a person is lost, and none is made twice.
func (s *simulation) countWrites(tries []*try, was map[string]person) {
	for _, user := range modelPeople {
		sure, perhaps := 0, 0
		for _, o := range tries {
			if o.addsWrite && o.user == user {
				switch o.outcome {
				case saysOK:
					sure++
				case saysUnknown:
					perhaps++
				}
			}
		}
		if n := s.people[user].n - was[user].n; n < sure || n > sure+perhaps {
			s.fail("%s: %d writes stand, %d were answered and %d have an unknown outcome", user, n, sure, perhaps)
		}
	}
}

// countVisits: no update of a session is lost, and none is made twice.
func (s *simulation) countVisits(tries []*try, before map[string]nguard.Row) {
	for id, own := range s.sessions {
		old, ok := before[id]
		if !ok || own.dead || old.Record == nil {
			continue
		}
		sure, perhaps := 0, 0
		for _, o := range tries {
			if o.addsVisit && o.own == own {
				switch o.outcome {
				case saysOK:
					sure++
				case saysUnknown:
					perhaps++
				}
			}
		}
		from, _ := old.Data["visits"].(int64)
		if n := own.visits() - int(from); n < sure || n > sure+perhaps {
			s.fail("session %s: %d visits stand, %d were answered and %d have an unknown outcome", id, n, sure, perhaps)
		}
	}
}

// half says that an operation was right to answer although not all that it should end has ended: a login
// that could not read what the browser held before, and a person who was shut out while the last bump
// failed, so that each of their requests asks the users table.
func (o *try) half(s *simulation) bool {
	return o.hit && (o.kind == "login" || o.kind == "disable" && s.epochs[o.user].Open > 0)
}

// checkAnswer: what an answer shows was so at some time between its question and itself.
func (s *simulation) checkAnswer(o *try, tries []*try, before map[string]nguard.Row) {
	if o.outcome != saysOK || o.session == nil {
		return
	}
	id, seen := o.session.ID(), personOf(o.session.User())
	if seen.n < o.floor || seen.n > s.people[o.user].n || !s.tried[o.user][seen] {
		s.fail("%v: shows %+v; the person was at %d when it began, and is %+v", o, seen, o.floor, s.people[o.user])
	}
	if o.addsWrite && seen.n == o.floor {
		s.fail("%v: does not show its own change", o)
	}
	if o.makes {
		s.keepToken(o, s.sessions[id])
		if o.replaces {
			// What was answered before the renewal began is carried over. An update that overlaps with it may be
			// answered and lost with the old session: Create knows no version of the one that it replaces.
			for _, other := range tries {
				if other != o && other.addsVisit && other.own == o.own && other.outcome == saysOK && other.end < o.start && o.visits < other.visits {
					s.fail("%v: lost %v", o, other)
				}
			}
			if o.visits < o.base {
				s.fail("%v: the new session has %d visits, the old one had %d", o, o.visits, o.base)
			}
		}
		return
	}
	own := s.sessions[id]
	if own == nil || o.own != nil && own != o.own {
		s.fail("%v: answered with another session", o)
	}
	if o.addsVisit && !(o.addsWrite && own.dead) { // what concerns the session alone dies with it, the rest stands
		if o.visits <= o.base {
			s.fail("%v: shows %d visits, there were %d before", o, o.visits, o.base)
		}
		for _, other := range tries {
			if other != o && other.addsVisit && !(other.addsWrite && own.dead) && other.own == own && other.outcome == saysOK && (other.visits == o.visits || other.end < o.start && other.visits > o.visits) {
				s.fail("%v and %v: a lost update", o, other)
			}
		}
	}
	if o.live == "" {
		return // no token led here
	}
	if d := digestOf(o.live); !own.dead && d != stored(before[id].Cur) && d != stored(own.row.Cur) {
		s.fail("%v: its token is neither the current one nor the one before", o)
	}
	s.keepToken(o, own)
}

func (s *simulation) keepToken(o *try, own *session) {
	d := digestOf(o.live)
	if other := s.byDigest[d]; other != nil && other != own {
		s.fail("%v: its token is another session's", o)
	}
	s.byDigest[d] = own
	if o.makes {
		s.shown[d] = true
	}
	if !slices.Contains(own.tokens, o.live) {
		if len(own.tokens) > 0 {
			s.rotated++
		}
		own.tokens = append(own.tokens, o.live)
	}
	if !o.loses || o.makes {
		own.held = o.live
	}
}

// mature: no token before the current one may still be in its grace.
func mature(r nguard.Row, now time.Time) bool {
	return len(r.Prev) == 0 || !r.SeenAt.IsZero() && now.After(r.SeenAt.Add(nguard.Grace))
}

// predict says what a lone load, visit or refresh leaves in the row. It is the rules once more, in the
// plainest form.
func (s *simulation) predict(o *try, row *nguard.Row) bool {
	if o.hit || o.own == nil || o.verdict != live || o.outcome != saysOK || (o.kind != "load" && o.kind != "visit" && o.kind != "refresh") {
		return false
	}
	now, r := o.began.UTC(), o.own.row
	record := *r.Record
	e, p := s.epochs[o.user], s.people[o.user]
	current := o.shown == stored(r.Cur)
	rotatable := o.unsafe && current && mature(r, now)
	aged := func() bool { return record.Due || now.Sub(record.Rotated) >= time.Hour }
	wrote, view := 0, record.User
	asks := e.Change != record.Stamp.Change || e.Open > 0
	if asks {
		fresh := p.user(o.user)
		if fresh.Role != record.User.Role {
			record.Due = true
		}
		record.User = fresh
		view = fresh
	}
	turned := false
	if stamp := asks && e.Open == 0; stamp || rotatable && aged() {
		wrote++
		record.Stamp.Change = map[bool]int64{true: e.Change, false: record.Stamp.Change}[stamp]
		if turned = rotatable && aged(); turned {
			record.Due, record.Rotated = false, now
		}
		if current && r.SeenAt.IsZero() {
			r.SeenAt = now
		}
	} else if asks {
		due := r.Record.Due
		record.User, record.Due = r.Record.User, due // judged, not stored
	}
	if turned {
		r.SeenAt = time.Time{}
	}
	if !turned && current && r.SeenAt.IsZero() || r.Idle > 0 && now.Sub(r.LastSeen) >= time.Minute {
		wrote++
		if r.LastSeen.Before(now) {
			r.LastSeen = now
		}
		if !turned && current && r.SeenAt.IsZero() {
			r.SeenAt = now
		}
	}
	if o.kind != "load" {
		*row = nguard.Row{Record: &nguard.Record{User: view}}
		return true // what a load leaves is checked by loads; here the user only
	}
	asked := 1
	if asks {
		asked++
	}
	if o.calls[reads] != asked || o.calls[writes] != wrote {
		s.fail("%v: %d reads and %d writes, %d and %d were due", o, o.calls[reads], o.calls[writes], asked, wrote)
	}
	record.Version += map[bool]int64{true: 1, false: 0}[wrote > 0 && (turned || asks && e.Open == 0)]
	r.Record = &record
	if turned {
		r.Cur = nil
	}
	if personOf(o.session.User()) != personOf(view) {
		s.fail("%v: shows %+v, expected %+v", o, o.session.User(), view)
	}
	*row = r
	return true
}

func (s *simulation) checkExact(o *try, before map[string]nguard.Row, want nguard.Row) {
	got, old := o.own.row, before[o.own.id]
	if o.kind != "load" {
		if personOf(o.session.User()) != personOf(want.User) {
			s.fail("%v: shows %+v, expected %+v", o, o.session.User(), want.User)
		}
		turned := stored(got.Cur) != stored(old.Cur)
		if o.kind == "refresh" && o.unsafe && !turned && o.shown == stored(old.Cur) && mature(old, o.began) {
			s.fail("%v: no new token", o)
		}
		return
	}
	turned := want.Cur == nil
	if turned != (stored(got.Cur) != stored(old.Cur)) || turned && stored(got.Prev) != o.shown {
		s.fail("%v: rotated %v, expected %v", o, !turned, turned)
	}
	if turned && (!got.Rotated.Equal(o.began) || o.live == o.token) {
		s.fail("%v: rotation without a new token", o)
	}
	if got.Version != want.Version || got.Due != want.Due || !got.SeenAt.Equal(want.SeenAt) || !got.LastSeen.Equal(want.LastSeen) ||
		got.Stamp.Change != want.Stamp.Change || personOf(got.User) != personOf(want.User) {
		s.fail("%v: the row is\n%+v %+v, expected\n%+v %+v", o, *got.Record, got.Mark, *want.Record, want.Mark)
	}
}

// draw makes up an operation.
func (s *simulation) draw(focus string, focused *session) *try {
	o := &try{doing: &doing{at: s.procs[s.random.IntN(2)], through: make(chan struct{})}, user: focus}
	g := o.at.guard
	o.loses = s.random.IntN(12) == 0
	n := s.random.IntN(100)
	switch {
	case n < 10:
		o.kind, o.makes, o.unsafe = "login", true, true
		remember := s.random.IntN(5) == 0
		switch s.random.IntN(5) {
		case 0:
			s.show(o, focus, focused)
		case 1: // somebody else's session in the same browser
			s.show(o, modelPeople[s.random.IntN(len(modelPeople))], nil)
			o.foreign = o.user != focus
		}
		o.user = focus
		o.ends = func(own *session) bool { return o.own != nil && own == o.own && o.verdict == live }
		o.run = func(ctx context.Context) error {
			return s.request(ctx, o, "POST", func(ctx context.Context, r *nguard.Request) (*nguard.Session, error) {
				return r.Login(ctx, focus, nguard.LoginOptions{Remember: remember})
			})
		}
		return o
	case n < 15:
		o.kind, o.addsWrite = "role", true
		to := []string{"user", "moderator"}[s.random.IntN(2)]
		o.run = s.changeUser(o, func(u *nguard.User) { u.Role = to })
		return o
	case n < 18:
		o.kind, o.addsWrite = "enable", true
		o.run = s.changeUser(o, func(u *nguard.User) { u.Disabled = false })
		if p := s.people[focus]; !p.disabled && s.random.IntN(3) > 0 {
			o.kind = "disable"
			o.ends = func(own *session) bool { return own.user == o.user }
			o.run = s.changeUser(o, func(u *nguard.User) { u.Disabled = true })
		}
		return o
	case n < 20:
		o.kind = "revoke"
		if o.own = s.anySession(focus); o.own == nil {
			break
		}
		o.ends = func(own *session) bool { return own == o.own }
		o.run = func(ctx context.Context) error { return g.Revoke(nguard.WithActor(ctx, "op"), o.user, o.own.id) }
		return o
	case n < 21:
		o.kind = "revoke-all"
		o.ends = func(own *session) bool { return own.user == o.user }
		o.run = func(ctx context.Context) error { return g.RevokeUser(nguard.WithActor(ctx, "op"), o.user) }
		return o
	case n < 22:
		keep := s.anySession(focus)
		if keep == nil {
			break
		}
		o.kind = "revoke-rest"
		o.ends = func(own *session) bool { return own.user == o.user && own != keep }
		o.run = func(ctx context.Context) error { return g.RevokeUser(nguard.WithActor(ctx, "op"), o.user, keep.id) }
		return o
	case n < 24:
		o.kind = "sweep"
		o.run = func(ctx context.Context) error { _, err := g.Sweep(ctx); return err }
		return o
	case n < 28:
		if o.own = s.anySession(focus); o.own == nil {
			break
		}
		o.kind, o.addsVisit = "job", true
		o.run = func(ctx context.Context) (err error) {
			o.session, err = g.Update(nguard.WithActor(ctx, "job"), o.user, o.own.id, func(d *nguard.Draft) error {
				return visits.Modify(d, func(n int) int { return n + 1 })
			})
			return err
		}
		return o
	}
	s.show(o, focus, focused)
	method := "GET"
	if o.unsafe = s.random.IntN(100) < 60; o.unsafe {
		method = "POST"
	}
	var act func(ctx context.Context, r *nguard.Request) (*nguard.Session, error)
	visit := func(d *nguard.Draft) error { return visits.Modify(d, func(n int) int { return n + 1 }) }
	rename := func(d *nguard.Draft) error {
		return name.Modify(d, func(old string) string { return "n" + strconv.Itoa(personOf(nguard.User{Name: old}).n+1) })
	}
	update := func(fns ...func(*nguard.Draft) error) func(context.Context, *nguard.Request) (*nguard.Session, error) {
		return func(ctx context.Context, r *nguard.Request) (*nguard.Session, error) {
			return r.Update(ctx, func(d *nguard.Draft) error {
				for _, fn := range fns {
					if err := fn(d); err != nil {
						return err
					}
				}
				return nil
			})
		}
	}
	switch n := s.random.IntN(100); {
	case n < 45:
		o.kind = "load"
		act = func(_ context.Context, r *nguard.Request) (*nguard.Session, error) { return r.Session() }
	case n < 62:
		o.kind, o.addsVisit, act = "visit", true, update(visit)
	case n < 68:
		o.kind, o.addsWrite, act = "rename", true, update(rename)
	case n < 73:
		o.kind, o.addsVisit, o.addsWrite, act = "both", true, true, update(visit, rename)
	case n < 77:
		to := []string{"user", "moderator"}[s.random.IntN(2)]
		o.kind, o.addsWrite = "own-role", true
		act = update(rename, func(d *nguard.Draft) error { return role.Set(d, to) })
	case n < 87:
		o.kind = "refresh"
		act = func(ctx context.Context, r *nguard.Request) (*nguard.Session, error) { return r.Refresh(ctx) }
	case n < 92:
		o.kind, o.unsafe, method = "logout", true, "POST"
		o.ends = func(own *session) bool { return own == o.own && o.verdict == live }
		act = func(ctx context.Context, r *nguard.Request) (*nguard.Session, error) { return nil, r.Logout(ctx) }
	case n < 97:
		o.kind, o.makes, o.replaces = "step-up", true, true
		o.ends = func(own *session) bool { return own == o.own && o.verdict == live }
		act = func(ctx context.Context, r *nguard.Request) (*nguard.Session, error) {
			return r.Reauthenticated(ctx, nguard.LoginOptions{Methods: []string{"totp"}})
		}
	default:
		o.kind, o.makes, o.replaces = "end-others", true, true
		o.ends = func(own *session) bool { return o.own != nil && own.user == o.own.user && o.verdict == live }
		act = func(ctx context.Context, r *nguard.Request) (*nguard.Session, error) { return r.EndOthers(ctx) }
	}
	o.run = func(ctx context.Context) error { return s.request(ctx, o, method, act) }
	return o
}

func (s *simulation) changeUser(o *try, fn func(*nguard.User)) func(context.Context) error {
	return func(ctx context.Context) error {
		u, err := o.at.guard.ChangeUser(nguard.WithActor(ctx, "op"), o.user, func(u *nguard.User) error {
			u.Name = "n" + strconv.Itoa(personOf(*u).n+1)
			fn(u)
			return nil
		})
		o.wrote = personOf(u).n
		return err
	}
}

// anySession is a random session of a person, mostly a live one.
func (s *simulation) anySession(user string) *session {
	var alive, all []*session
	for _, id := range s.order {
		if own := s.sessions[id]; own.user == user {
			all = append(all, own)
			if !own.dead {
				alive = append(alive, own)
			}
		}
	}
	switch {
	case len(alive) > 0 && s.random.IntN(12) > 0:
		return alive[s.random.IntN(len(alive))]
	case len(all) > 0:
		return all[s.random.IntN(len(all))]
	}
	return nil
}

// show picks the token that the request carries.
func (s *simulation) show(o *try, user string, focused *session) {
	own := focused
	if own == nil || s.random.IntN(5) == 0 {
		own = s.anySession(user)
	}
	if own == nil || len(own.tokens) == 0 || s.random.IntN(60) == 0 {
		o.token = strings.Repeat("A", 72)
		o.shown = digestOf(o.token)
		return
	}
	o.token = own.held
	switch n := s.random.IntN(40); {
	case n < 4:
		o.token = own.tokens[len(own.tokens)-1] // the newest, although the answer was lost
	case n < 8:
		o.token = own.tokens[max(0, len(own.tokens)-2)]
	case n == 8:
		o.token = own.tokens[s.random.IntN(len(own.tokens))]
	}
	o.own, o.user, o.shown = own, own.user, digestOf(o.token)
}

// request sends a request through the net/http adapter, without a network.
func (s *simulation) request(ctx context.Context, o *try, method string, act func(context.Context, *nguard.Request) (*nguard.Session, error)) (err error) {
	g := o.at.guard
	r := httptest.NewRequestWithContext(nguard.WithActor(ctx, o.user), method, "/", nil)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if o.token != "" {
		r.Header.Set("Cookie", g.CookieName()+"="+o.token)
	}
	w := httptest.NewRecorder()
	httpguard.Sessions(g)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		req := httpguard.From(r)
		if o.session, err = act(r.Context(), req); err != nil {
			o.session = nil
		}
	})).ServeHTTP(w, r)
	o.live = o.token
	for _, line := range w.Header()["Set-Cookie"] {
		if rest, ok := strings.CutPrefix(line, g.CookieName()+"="); ok {
			o.live, _, _ = strings.Cut(rest, ";")
		}
	}
	return err
}
