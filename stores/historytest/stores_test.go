package historytest

import (
	"database/sql"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	_ "modernc.org/sqlite"

	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/sqlstore"
)

var (
	histories = flag.Int("histories", 200, "how many histories of each store are checked")
	seedFlag  = flag.Uint64("seed", 0, "the first seed; 0 takes one from the clock")
)

func firstSeed(t *testing.T) uint64 {
	n := *seedFlag
	if n == 0 {
		n = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", n)
	return n
}

const clients = 4

func memory(*testing.T) setup {
	return inMemory(func(b rows) rows { return b })
}

func sqlite(t *testing.T) setup {
	place := servicetest.SQLite(t, "?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=busy_timeout(1000)")
	open := func() store { return migrated(t, place.Open(t), sqlstore.SQLite) }
	u := several(open, open)
	u.moment, u.every, u.near = 300*time.Microsecond, 3, true
	return u
}

func migrated(t *testing.T, db *sql.DB, d *sqlstore.Dialect) store {
	t.Helper()
	s := sqlstore.New(db, d)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// several opens a handle for each client, and one for the calm.
func several(open, calm func() store) (u setup) {
	u.calm = calm()
	for range clients {
		u.clients = append(u.clients, open())
	}
	return u
}

func TestHistories(t *testing.T) {
	for _, s := range []struct {
		name     string
		open     func(t *testing.T) setup
		times    int // so many times more histories, where one takes no time
		troubles []trouble
	}{
		{"memstore", memory, 10, []trouble{none}},
		{"sqlite", sqlite, 1, []trouble{none, leaving}},
		{"postgres", postgres, 1, []trouble{none, cutting, leaving}},
		{"mariadb", mariadb, 1, []trouble{none, cutting, leaving}},
		{"redis", redisServer, 1, []trouble{none, cutting, leaving}},
	} {
		for _, trouble := range s.troubles {
			t.Run(s.name+"/"+string(trouble), func(t *testing.T) {
				t.Parallel() // most of it is waiting for servers
				s.open(t).examine(t, s.times**histories, trouble)
			})
		}
	}
}

// examine checks n histories, and that there was something to check.
func (u setup) examine(t *testing.T, n int, trouble trouble) {
	first := firstSeed(t)
	sum := tally{outcomes: map[string]int{}}
	for i := range uint64(n) {
		h := u.run(t.Context(), first+i, fmt.Sprintf("user%d", i), trouble)
		sum.add(h)
		if got := h.check(); got != porcupine.Ok {
			t.Errorf("seed %d: the check of a history says %s", first+i, got)
			h.dump(t)
			return
		}
	}
	sum.judge(t, trouble)
}
