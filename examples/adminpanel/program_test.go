package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nguard-go/nguard/stores/servicetest"
)

// program is the example, running: in this process or in one of its own.
type program struct {
	t    *testing.T
	base string
	out  *buffer
	stop func() // as Ctrl-C does
	kill func() // of a process of its own: at once, and whatever it is doing
	code chan int
}

// buffer is a writer that can be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
	ch chan struct{}
}

func newBuffer() *buffer { return &buffer{ch: make(chan struct{}, 1)} }

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, err := b.b.Write(p)
	select {
	case b.ch <- struct{}{}:
	default:
	}
	return n, err
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

var addr = regexp.MustCompile(`open (http://[^\s]+)`)

// start runs the example on a free port, in this process, and waits until it says where it listens.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	p := &program{t: t, out: newBuffer(), stop: stop, code: make(chan int, 1)}
	errs := newBuffer()
	go func() { p.code <- run(ctx, append([]string{"-addr", "127.0.0.1:0"}, args...), p.out, errs) }()
	t.Cleanup(stop)
	p.wait(errs)
	return p
}

// spawn runs it in a process of its own.
func spawn(t *testing.T, args ...string) *program {
	t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{"-addr", "127.0.0.1:0"}, args...)...)
	cmd.Env = append(os.Environ(), asProgram+"=yes")
	errs := newBuffer()
	p := &program{t: t, out: newBuffer(), code: make(chan int, 1)}
	cmd.Stdout, cmd.Stderr = p.out, errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.stop = func() { _ = cmd.Process.Signal(syscall.SIGTERM) }
	p.kill = func() { _ = cmd.Process.Kill() }
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the exit code says it
		p.code <- cmd.ProcessState.ExitCode()
		close(ended)
	}()
	t.Cleanup(func() { p.kill(); <-ended })
	p.wait(errs)
	return p
}

// asProgram makes this test binary the example instead.
const asProgram = "NGUARD_TEST_ADMINPANEL"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	// Most of these tests wait, for a server, a browser or a limit: more can do so at once than there are processors.
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// wait waits until the program says where it listens.
func (p *program) wait(errs *buffer) {
	p.t.Helper()
	deadline := time.After(30 * time.Second)
	for p.base == "" {
		select {
		case <-p.out.ch:
			if m := addr.FindStringSubmatch(p.out.String()); m != nil {
				p.base = m[1]
			}
		case code := <-p.code:
			p.t.Fatalf("ended with %d: %s", code, errs)
		case <-deadline:
			p.t.Fatal("did not start")
		}
	}
}

// end asks it to stop, as Ctrl-C does, and returns the exit code.
func (p *program) end() int {
	p.stop()
	select {
	case code := <-p.code:
		return code
	case <-time.After(20 * time.Second):
		p.t.Fatal("did not stop")
		return -1
	}
}

type person struct {
	p      *program
	client *http.Client
}

func (p *program) person() *person {
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return &person{p, &http.Client{Jar: jar}}
}

func (p *program) loggedIn(email string) *person {
	p.t.Helper()
	u := p.person()
	u.do("POST", "/api/auth/login", `{"email":"`+email+`","password":"`+demoPassword()+`"}`, 200)
	return u
}

// with is the same browser at another process.
func (u *person) with(p *program) *person { return &person{p, u.client} }

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	raw    []byte
}

// send sends a request as a page of the application would. An error is one of the connection.
func (u *person) send(method, path, body string) (a answer, err error) {
	r, err := http.NewRequest(method, u.p.base+path, strings.NewReader(body))
	if err != nil {
		return a, err
	}
	r.Header.Set("Origin", u.p.base)
	r.Header.Set("Content-Type", "application/json")
	resp, err := u.client.Do(r)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	a.status, a.header = resp.StatusCode, resp.Header
	if a.raw, err = io.ReadAll(resp.Body); err != nil {
		return a, err
	}
	if strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		err = json.Unmarshal(a.raw, &a.body)
	}
	return a, err
}

// do sends a request that gets this answer, and returns its JSON.
func (u *person) do(method, path, body string, want int) map[string]any {
	u.p.t.Helper()
	a, err := u.send(method, path, body)
	if err != nil || a.status != want {
		u.p.t.Fatalf("%s %s: status %d, want %d: %s %v", method, path, a.status, want, a.raw, err)
	}
	return a.body
}

func at(m map[string]any, path ...string) any {
	var v any = m
	for _, name := range path {
		inner, _ := v.(map[string]any)
		v = inner[name]
	}
	return v
}

// backing is where the program is started on in a test: the flags, and the same through another address.
type backing struct {
	addr string // of the server; empty: there is none
	args func(addr string) []string
	open func(t testing.TB) *database // people and records, behind the program's back
}

// backings makes an empty one of each store, or skips the test where its server is missing.
var backings = map[string]func(t testing.TB) backing{
	"sqlite": func(t testing.TB) backing {
		file := filepath.Join(t.TempDir(), "panel.db")
		return backing{"", func(string) []string { return []string{"-store", "sqlite", "-dsn", file} }, opens(file)}
	},
	"cookie": func(t testing.TB) backing {
		file := filepath.Join(t.TempDir(), "people.db")
		return backing{"", func(string) []string { return []string{"-store", "cookie", "-users", file} }, opens(file)}
	},
	"postgres": func(t testing.TB) backing { return onServer(servicetest.Postgres(t), "postgres", postgresKind) },
	"mysql":    func(t testing.TB) backing { return onServer(servicetest.MySQL(t), "mysql", mysqlKind) },
	"redis": func(t testing.TB) backing {
		file, r := filepath.Join(t.TempDir(), "people.db"), servicetest.StartRedis(t)
		return backing{r.Addr, func(addr string) []string {
			return []string{"-store", "redis", "-dsn", "redis://" + or(addr, r.Addr) + "/0", "-users", file}
		}, opens(file)}
	},
	"scs": func(t testing.TB) backing {
		file, d := filepath.Join(t.TempDir(), "people.db"), servicetest.Postgres(t)
		return backing{d.Addr, func(addr string) []string {
			return []string{"-store", "scs", "-dsn", d.Via(or(addr, d.Addr)), "-users", file}
		}, opens(file)}
	},
}

func onServer(d servicetest.Database, store string, k *kind) backing {
	return backing{d.Addr, func(addr string) []string {
		return []string{"-store", store, "-dsn", d.Via(or(addr, d.Addr))}
	}, func(t testing.TB) *database { return &database{DB: d.Open(t), kind: k} }}
}

// opens opens people and records in a file.
func opens(file string) func(t testing.TB) *database {
	return func(t testing.TB) *database {
		db, err := sqliteFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// copyOfCookies gives one browser what another has.
func copyOfCookies(from, to *person) {
	to.keep(from.cookies())
}

// cookies are those that the browser sends.
func (u *person) cookies() []*http.Cookie {
	base, err := url.Parse(u.p.base)
	if err != nil {
		u.p.t.Fatal(err)
	}
	return u.client.Jar.Cookies(base)
}

// keep puts cookies into the browser, as the program would have set them.
func (u *person) keep(cookies []*http.Cookie) {
	base, err := url.Parse(u.p.base)
	if err != nil {
		u.p.t.Fatal(err)
	}
	for _, c := range cookies {
		c.Path, c.Secure = "/", true
	}
	u.client.Jar.SetCookies(base, cookies)
}
