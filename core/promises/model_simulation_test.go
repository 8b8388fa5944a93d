package promises

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	_ "modernc.org/sqlite"

	"github.com/nguard-go/nguard/adapters/adaptertest"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/stores/memstore"
	"github.com/nguard-go/nguard/stores/sqlstore"
)

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
