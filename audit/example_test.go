package audit_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
)

// promotion is what the guard records when an admin changes a role.
var promotion = nguard.Event{
	ID: "4f2a", Time: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC), Name: nguard.EventUserUpdated,
	Outcome: nguard.Success, Class: nguard.ClassChange, Actor: "ann", Target: "bob", Action: "update-role",
	Changes: []nguard.Change{{Field: "role", From: "user", To: "editor"}},
	IP:      "203.0.113.7", UserAgent: "Browser/1.0",
}

// A sink of your own is a function. audit.AppendJSON makes it safe against whatever a client sends.
func Example_customSink() {
	var queue strings.Builder // a message broker, say
	sink := nguard.SinkFunc(func(_ context.Context, e nguard.Event) error {
		_, err := fmt.Fprintf(&queue, "audit %s\n", audit.AppendJSON(nil, e))
		return err
	})

	err := sink.Record(context.Background(), nguard.Event{
		ID: "1", Time: promotion.Time, Name: nguard.EventLoginFail, Outcome: nguard.Failure,
		Class: nguard.ClassObservation, UserAgent: "evil\naudit {\"forged\":true}",
	})
	fmt.Print(queue.String(), err)
	// Output:
	// audit {"v":1,"id":"1","time":"2026-02-03T04:05:06.000000000Z","event":"authn_login_fail","outcome":"failure","class":"observation","user_agent":"evil\naudit {\"forged\":true}"}
	// <nil>
}

func ExampleOpenFile() {
	dir, err := os.MkdirTemp("", "audit")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "audit.jsonl")
	trail, err := audit.OpenFile(path, audit.FileOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer trail.Close()

	if err := trail.Record(context.Background(), promotion); err != nil {
		fmt.Println(err) // the change is refused with 503
	}

	text, _ := os.ReadFile(path)
	for line := range strings.Lines(string(text)) {
		e, err := audit.Decode([]byte(line))
		fmt.Println(e.Actor, e.Action, e.Target, e.Changes[0].To, err)
	}
	// Output: ann update-role bob editor <nil>
}

func ExampleNewFanout() {
	trail := audit.NewMemory(100) // a File or SQL sink in a program that is in earnest
	console := nguard.SinkFunc(func(context.Context, nguard.Event) error { return fmt.Errorf("pipe closed") })

	sinks, err := audit.NewFanout(
		audit.FanoutOptions{
			Deadline: time.Second,
			OnError:  func(e *audit.MemberError) { fmt.Println("alarm:", e) },
		},
		audit.Durable(trail),
		audit.BestEffort(console),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(sinks.Record(context.Background(), promotion), len(trail.Events()))
	// Output:
	// alarm: audit: sink 1:nguard.SinkFunc: nguard: unavailable: pipe closed
	// <nil> 1
}

func ExampleNewRedact() {
	var trail audit.Memory
	sink := audit.NewRedact(&trail,
		audit.MaskIP(24, 48),
		audit.DropUserAgent,
		func(e *nguard.Event) { e.Target = strings.ToUpper(e.Target) }, // a rule of your own
	)
	err := sink.Record(context.Background(), promotion)
	e := trail.Events()[0]
	fmt.Printf("%s %q %s %v\n", e.IP, e.UserAgent, e.Target, err)
	// Output: 203.0.113.0/24 "" BOB <nil>
}

func ExampleNewAsync() {
	var slow audit.Memory
	sink := audit.NewAsync(&slow, audit.AsyncOptions{Queue: 100})

	denial := nguard.Event{Name: nguard.EventAuthzFail, Outcome: nguard.Denied, Class: nguard.ClassObservation}
	fmt.Println(sink.Record(context.Background(), denial))    // queued
	fmt.Println(sink.Record(context.Background(), promotion)) // written when Record returns

	fmt.Println(sink.Drain(context.Background()), slow.Total())
	// Output:
	// <nil>
	// <nil>
	// <nil> 2
}

func ExampleNewSlog() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, nil))
	err := audit.NewSlog(logger).Record(context.Background(), promotion)
	fmt.Println(err)
	// Output:
	// time=2026-02-03T04:05:06.000Z level=INFO msg=user_updated id=4f2a event=user_updated outcome=success class=change actor=ann target=bob action=update-role changes.role.from=user changes.role.to=editor ip=203.0.113.7 user_agent=Browser/1.0
	// <nil>
}

func ExampleSecret() {
	e := nguard.Event{Changes: []nguard.Change{{Field: "api-key", From: nil, To: audit.Secret("s3cret")}}}
	fmt.Println(string(audit.AppendJSON(nil, e)))
	// Output: {"v":1,"id":"","time":"0001-01-01T00:00:00.000000000Z","event":"","outcome":"","class":"","changes":[{"field":"api-key","from":null,"to":"[redacted]"}]}
}

func ExampleNewSQL() {
	var db *sql.DB // from sql.Open, shared with the users table and the session store
	trail, err := audit.NewSQL(db, audit.SQLite)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := trail.Migrate(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	// A page of the admin panel, behind a middleware that asks who may see it.
	http.HandleFunc("GET /admin/audit", func(w http.ResponseWriter, r *http.Request) {
		entries, err := trail.List(r.Context(), audit.Filter{Target: r.FormValue("user"), Limit: 20})
		if err != nil {
			http.Error(w, "unavailable", http.StatusServiceUnavailable)
			return
		}
		for _, e := range entries {
			fmt.Fprintln(w, e.Seq, e.Time, e.Actor, e.Action, e.Target, e.Outcome)
		}
	})
	// Output: audit: NewSQL needs a database, it was given nil
}
