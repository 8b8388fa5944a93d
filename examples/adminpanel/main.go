// Command adminpanel is nguard's flagship example: people log in, change their theme, language and
// profile, admins change roles, and the audit record says who changed what from what to what.
//
//	go run ./examples/adminpanel
//
// needs nothing else: people, sessions and records are kept in one SQLite file. It prints what to open
// and who can log in. Flags choose the address, the adapter and the store; see -help. With
//
//	go run ./examples/adminpanel -store postgres -dsn postgres://app@db.example/app
//
// all three are in PostgreSQL, and several processes serve the same people.
//
// The page is React with nguard's browser client. Its sources are in web/src; after a change there,
//
//	cd examples/adminpanel/web && npm ci && npm run typecheck && npm run build
//
// makes web/dist anew, which is kept in git. TestBrowser drives the page in the Chromium that
// NGUARD_TEST_CHROMIUM names; NGUARD_TEST_SCREENSHOTS is a folder for pictures of it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// options are the flags.
type options struct {
	addr, adapter, store, dsn, users string
	secure                           bool
}

var adapters = []string{"nethttp", "gin", "fiber"}

func parse(args []string, stderr io.Writer) (o options, err error) {
	f := flag.NewFlagSet("adminpanel", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.addr, "addr", "localhost:8080", "address to listen on")
	f.StringVar(&o.adapter, "adapter", "nethttp", "web framework: "+strings.Join(adapters, ", "))
	f.StringVar(&o.store, "store", "sqlite", "session store: "+strings.Join(storeNames(), ", "))
	f.StringVar(&o.dsn, "dsn", "", "where the store is"+explainDSN())
	f.StringVar(&o.users, "users", "adminpanel.db", "SQLite file for the demo users, and the rows of cookie, when the session store is not SQL;\n\"memory\" keeps all in memory")
	f.BoolVar(&o.secure, "secure", true, "cookie __Host-nguard-session with Secure, which browsers accept on http://localhost;\nfalse: plain nguard-session")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unknown argument %q: see -help", f.Arg(0))
	}
	if s, ok := findStore(o.store); ok && o.dsn == "" {
		o.dsn = s.dsn
	}
	return o, errors.Join(choose("adapter", o.adapter, adapters), choose("store", o.store, storeNames()))
}

// explainDSN says for each store what -dsn is.
func explainDSN() string {
	var b strings.Builder
	for _, s := range stores {
		fmt.Fprintf(&b, "\n%s: %s", s.name, s.about)
		if s.dsn != "" {
			fmt.Fprintf(&b, "; default %s", s.dsn)
		}
	}
	return b.String()
}

func choose(flag, value string, known []string) error {
	if slices.Contains(known, value) {
		return nil
	}
	return fmt.Errorf("-%s %q is unknown; use one of: %s", flag, value, strings.Join(known, ", "))
}

// run is the program. It returns the exit code: 0 after a graceful end, 1 when it cannot start or stop,
// 2 for flags that it does not understand.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, "adminpanel:", err)
		return 2
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	a, err := open(ctx, o, log)
	if err != nil {
		fmt.Fprintln(stderr, "adminpanel:", strings.Join(strings.Fields(err.Error()), " ")) // drivers' errors have several lines
		return 1
	}
	defer a.close()
	listener, err := net.Listen("tcp", o.addr)
	if err != nil {
		fmt.Fprintln(stderr, "adminpanel:", err)
		return 1
	}
	defer listener.Close() // fiber leaves it open when it is stopped before it has begun
	program := frameworks[o.adapter](a)
	greet(stdout, o, a.place.where, listener.Addr().String())
	log.Info("started", "addr", listener.Addr().String(), "adapter", o.adapter, "store", o.store)

	failed := make(chan error, 1)
	go func() { failed <- program.Serve(listener) }()
	select {
	case err := <-failed:
		fmt.Fprintln(stderr, "adminpanel:", err)
		return 1
	case <-ctx.Done():
	}
	down, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	a.guard.EndStreams() // a server waits for what it is answering
	if err := errors.Join(program.Shutdown(down), a.guard.Shutdown(down)); err != nil {
		fmt.Fprintln(stderr, "adminpanel: stopping:", err)
		return 1
	}
	log.Info("stopped")
	return 0
}

// greet says what to open, who can log in, and what to try first.
func greet(w io.Writer, o options, where, addr string) {
	var b strings.Builder
	fmt.Fprintf(&b, "nguard admin panel: open http://%s\n\nLog in as one of these, password %s:\n", toOpen(o.addr, addr), shownPassword())
	for _, p := range demoPeople {
		fmt.Fprintf(&b, "  %-22s %s\n", p.Email, p.Role)
	}
	fmt.Fprint(&b, "\nTo see it live, log in as admin@example.com in one window and as user@example.com in a\n"+
		"private one. Change the user's role under Users, and look at the other window.\n")
	fmt.Fprintf(&b, "\nSessions in %s. Press Ctrl-C to stop.\n", where)
	fmt.Fprint(w, b.String())
}

// toOpen is the address for a browser on this machine: asked is that of -addr, got the one that is listened on.
func toOpen(asked, got string) string {
	host, port, err := net.SplitHostPort(asked)
	if err != nil {
		return got
	}
	if _, actual, err := net.SplitHostPort(got); err == nil {
		port = actual // also where a free one or one by name was asked for
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost" // all addresses of the machine are none that can be opened
	}
	return net.JoinHostPort(host, port)
}
