// Package program runs the example programs in their tests as people run them: as a process that listens,
// answers an HTTP client that keeps cookies, and ends gracefully when it gets a signal.
//
//	func TestMain(m *testing.M) { program.Main(m, main) }
//
//	func TestProgram(t *testing.T) {
//		p := program.Start(t)
//		ann := p.Browser(t)
//		ann.Login("ann@example.com")
//		ann.Get("/account", 200, "Ann")
//		p.Stop(t)
//	}
package program

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nguard-go/nguard/core/guardtest"
)

// asProgram is set in the environment of a test binary that is to be the program.
const asProgram = "NGUARD_EXAMPLE_RUN_MAIN"

// patience is how long anything may take before a test fails.
const patience = 30 * time.Second

// Main is for TestMain. It runs main where the test binary was started by [Start], and the tests elsewhere.
func Main(m *testing.M, main func()) {
	if os.Getenv(asProgram) == "" {
		os.Exit(m.Run())
	}
	main()
}

// Program is an example, running as a process of its own.
type Program struct {
	// URL is where it listens.
	URL    string
	cmd    *exec.Cmd
	stderr bytes.Buffer
	ended  chan error
}

// Start runs the example on a free port and waits until it prints "listening on" and its address. The
// process ends with the test.
func Start(t *testing.T, args ...string) *Program {
	t.Helper()
	p := &Program{ended: make(chan error, 1)}
	p.cmd = exec.Command(os.Args[0], append([]string{"-addr", "127.0.0.1:0"}, args...)...)
	p.cmd.Env = append(os.Environ(), asProgram+"=1", "GIN_MODE=release")
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() }) // of one that has ended: an error, and all is well
	listening := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if url, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
				listening <- url
			}
		}
		p.ended <- p.cmd.Wait()
	}()
	select {
	case p.URL = <-listening:
	case err := <-p.ended:
		t.Fatalf("the program ended at once: %v\n%s", err, &p.stderr)
	case <-time.After(patience):
		t.Fatal("the program does not listen")
	}
	return p
}

// Stop asks the program to end, as a terminal or a process manager does, and fails the test unless it ends
// with code 0.
func (p *Program) Stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-p.ended:
		if err != nil {
			t.Errorf("the program ended with %v\n%s", err, &p.stderr)
		}
	case <-time.After(patience):
		t.Fatal("the program does not end")
	}
}

// Browser is a client that keeps cookies and says, as browsers do, that its requests come from the
// program's own pages.
type Browser struct {
	t      *testing.T
	base   string
	client *http.Client
}

// Browser returns a new one, which holds no cookie.
func (p *Program) Browser(t *testing.T) *Browser {
	t.Helper()
	cookies, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Browser{t, p.URL, &http.Client{Jar: jar{cookies}, Timeout: patience}}
}

// Login logs a person in by the login endpoint.
func (b *Browser) Login(email string) {
	b.t.Helper()
	b.Post("/api/auth/login", `{"email":"`+email+`","password":"`+guardtest.Password+`"}`, 200, `"success":true`)
}

// Get asks for a page, and fails the test unless it has the status and the text.
func (b *Browser) Get(path string, status int, text string) {
	b.t.Helper()
	b.do("GET", path, "", status, text)
}

// Post sends JSON, and fails the test unless the answer has the status and the text.
func (b *Browser) Post(path, body string, status int, text string) {
	b.t.Helper()
	b.do("POST", path, body, status, text)
}

// Delete asks to delete, and fails the test unless the answer has the status and the text.
func (b *Browser) Delete(path string, status int, text string) {
	b.t.Helper()
	b.do("DELETE", path, "", status, text)
}

func (b *Browser) do(method, path, body string, status int, text string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if answer.StatusCode != status || !strings.Contains(string(got), text) {
		b.t.Errorf("%s %s: %d %s, want %d and %q", method, path, answer.StatusCode, got, status, text)
	}
}

// jar sends Secure cookies to this machine without TLS, as browsers do and newer versions of cookiejar.
type jar struct{ inside http.CookieJar }

func (j jar) SetCookies(u *url.URL, cookies []*http.Cookie) { j.inside.SetCookies(secure(u), cookies) }

func (j jar) Cookies(u *url.URL) []*http.Cookie { return j.inside.Cookies(secure(u)) }

func secure(u *url.URL) *url.URL {
	v := *u
	v.Scheme = "https"
	return &v
}
