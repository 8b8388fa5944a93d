package house

import (
	"crypto/rand"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	scsmemory "github.com/alexedwards/scs/v2/memstore"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/cookiestore"
	"github.com/nguard-go/nguard/stores/memstore"
	"github.com/nguard-go/nguard/stores/redisstore"
	"github.com/nguard-go/nguard/stores/scsstore"
	"github.com/nguard-go/nguard/stores/sqlstore"
)

// columns are the stores of the table in docs/stores.md, with the folder of the tests that run storetest on
// them, and the file that opens them for adaptertest by the words of opens, if they do. None of them does I/O here.
var columns = []struct {
	head          string
	store         nguard.Store
	tests         string
	opened, opens string
}{
	{"memory", memstore.New(), "stores/memstore", "paritytest/parity_test.go", "adaptertest.Memory"},
	{"SQLite", sqlstore.New(nil, sqlstore.SQLite), "stores/sqlstore/sqlitetest", "paritytest/parity_test.go", "adaptertest.SQL("},
	{"PostgreSQL", sqlstore.New(nil, sqlstore.Postgres), "stores/sqlstore/postgrestest", "backingtest/stores_test.go", "adaptertest.Postgres("},
	{"MariaDB, MySQL", sqlstore.New(nil, sqlstore.MySQL), "stores/sqlstore/mysqltest", "backingtest/stores_test.go", "adaptertest.MySQL("},
	{"Redis", inRedis(), "stores/redisstore/redistest", "backingtest/redis_test.go", "redisstore.New("},
	{"sealed cookies with companion", sealed(memstore.New()), "stores/cookiestore", "backingtest/cookies_test.go", "Companion: "},
	{"sealed cookies alone", sealed(nil), "", "", ""}, // the suites are about what it lacks
	{"scs backend", scsstore.New(scsmemory.NewWithCleanupInterval(0)), "stores/scsstore/scstest", "backingtest/stores_test.go", "scsstore.New("},
}

// inRedis is a store that nobody asks anything.
func inRedis() nguard.Store {
	options, err := redisstore.Options("redis://127.0.0.1:6379")
	if err != nil {
		panic(err)
	}
	s, err := redisstore.New(redis.NewClient(options), redisstore.Config{})
	if err != nil {
		panic(err)
	}
	return s
}

func sealed(companion nguard.Store) nguard.Store {
	ring, err := cookiestore.NewRing([]byte(rand.Text() + rand.Text()))
	if err != nil {
		panic(err)
	}
	s, err := cookiestore.New(cookiestore.Config{Keys: ring, Companion: companion})
	if err != nil {
		panic(err)
	}
	return s
}

// promised are the rows of the table about promises that a store may lack, by how they begin.
var promised = map[nguard.Promise]string{
	nguard.NoLostUpdate: "P1 ", nguard.ReachesAll: "P3 ", nguard.CatchesThieves: "P5 ", nguard.StaysDead: "P11 ",
	nguard.ListsSessions: "lists", nguard.CapsSessions: "caps",
}

// storeTable reads the table of stores: its head, and its rows.
func storeTable(t *testing.T) (head []string, rows [][]string) {
	t.Helper()
	_, rest, ok := strings.Cut(read(t, "docs/stores.md"), "\n| Promise | ")
	if !ok {
		t.Fatal("docs/stores.md has lost its table of promises, or its head reads otherwise")
	}
	for line := range strings.Lines("| Promise | " + rest) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			break
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case head == nil:
			head = cells
		case strings.HasPrefix(cells[0], "--"):
		case len(cells) != len(head):
			t.Errorf("a row with %d cells under a head with %d: %s", len(cells), len(head), line)
		default:
			rows = append(rows, cells)
		}
	}
	return head, rows
}

// TestStoreTableCells knows the words of the table, and the order of its rows.
func TestStoreTableCells(t *testing.T) {
	head, rows := storeTable(t)
	if head[len(head)-1] != "Held to it by" {
		t.Fatalf("the last column is %q", head[len(head)-1])
	}
	cell := regexp.MustCompile("^(yes|no|in one process|as its companion|one transaction|in steps|by sweeps|by time to live|by the backend|nothing is stored)(, waived as `[A-Za-z]+`)?( \\[[1-9]\\])?$")
	var begin []string
	for _, r := range rows {
		begin = append(begin, strings.Fields(r[0])[0])
		for _, c := range r[1 : len(r)-1] {
			if !cell.MatchString(c) {
				t.Errorf("%s: the cell %q says nothing that this test knows", r[0], c)
			}
			if m := regexp.MustCompile(`\[([1-9])\]$`).FindStringSubmatch(c); m != nil && !strings.Contains(read(t, "docs/stores.md"), "\n"+m[1]+". ") {
				t.Errorf("%s: there is no note %s", r[0], m[1])
			}
		}
	}
	if want := strings.Fields("P1 P2 P3 P4 P5 P6 P7 P11 lists caps across clean-up"); !slices.Equal(begin, want) {
		t.Errorf("the rows are %q, want %q", begin, want)
	}
}

// TestStoreTable holds the table to what each store says of itself, and to what its tests run.
func TestStoreTable(t *testing.T) {
	head, rows := storeTable(t)
	for _, c := range columns {
		at := slices.Index(head, c.head)
		if at < 0 {
			t.Errorf("the table has no column %q", c.head)
			continue
		}
		var lacks []nguard.Promise
		if p, ok := nguard.Ability[nguard.Partial](c.store); ok {
			lacks = p.Lacks()
		}
		waived := map[string]bool{} // what the cells say
		for _, r := range rows {
			for _, name := range names(r[at]) {
				waived[name] = true
				if begin := promised[nguard.Promise(name)]; begin == "" || !strings.HasPrefix(r[0], begin) {
					t.Errorf("%s, %s: %s is not about this row", c.head, r[0], name)
				}
			}
		}
		for _, p := range lacks {
			if !waived[string(p)] {
				t.Errorf("%s lacks %s, and the table does not say that it is to be waived", c.head, p)
			}
			delete(waived, string(p))
		}
		for name := range waived {
			t.Errorf("the table says that %s is to be waived for %s, which does not lack it", name, c.head)
		}
		abilities(t, c.head, c.store, lacks, at, rows)
		if c.tests != "" {
			suites(t, c.head, c.tests, "adapters/"+c.opened, c.opens)
		}
	}
}

// abilities compares cells that follow from what a store offers.
func abilities(t *testing.T, name string, store nguard.Store, lacks []nguard.Promise, at int, rows [][]string) {
	t.Helper()
	_, transactor := nguard.Ability[nguard.Transactor](store)
	_, sweeper := nguard.Ability[nguard.Sweeper](store)
	_, lister := nguard.Ability[nguard.Lister](store)
	for _, r := range rows {
		if r[at] == "as its companion" {
			continue
		}
		says := func(word string, is bool) {
			if strings.HasPrefix(r[at], word) != is {
				t.Errorf("%s, %s: the cell is %q, and the store says otherwise", name, r[0], r[at])
			}
		}
		switch {
		case strings.HasPrefix(r[0], "P2 "):
			says("one transaction", transactor)
		case strings.HasPrefix(r[0], "clean-up"):
			says("by sweeps", sweeper)
		case strings.HasPrefix(r[0], "lists") && !slices.Contains(lacks, nguard.ListsSessions):
			says("no", !lister)
		}
	}
}

// suites checks that both suites run on a store: storetest in a folder, and adaptertest by the file that opens it.
func suites(t *testing.T, name, dir, file, opens string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root(t), filepath.FromSlash(dir), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(files, func(file string) bool {
		raw, err := os.ReadFile(file)
		return err == nil && strings.Contains(string(raw), "storetest.Run(")
	}) {
		t.Errorf("%s: the tests in %s do not run storetest", name, dir)
	}
	if !strings.Contains(read(t, file), opens) {
		t.Errorf("%s: %s has no %s", name, file, opens)
	}
}

// TestStoreTableNames finds each case that the table names in one of the suites.
func TestStoreTableNames(t *testing.T) {
	known := map[string]bool{}
	rule := regexp.MustCompile(`(?m)^\t\{"([^"]+)", "`)
	for _, dir := range []string{"stores/storetest", "adapters/adaptertest"} {
		entries, err := fs.ReadDir(os.DirFS(root(t)), dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), ".go") {
				continue
			}
			for _, m := range rule.FindAllStringSubmatch(read(t, dir+"/"+e.Name()), -1) {
				known[m[1]] = true
			}
		}
	}
	if len(known) < 150 {
		t.Fatalf("only %d cases found in the suites", len(known))
	}
	_, rows := storeTable(t)
	for _, r := range rows {
		list := names(r[len(r)-1])
		if len(list) < 3 {
			t.Errorf("%s: only %d cases hold the stores to it", r[0], len(list))
		}
		for _, name := range list {
			if !known[name] {
				t.Errorf("%s: no case is called %q", r[0], name)
			}
		}
	}
}
