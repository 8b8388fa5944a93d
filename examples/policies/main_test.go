package main

import (
	"flag"
	"net/netip"
	"os"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/examples/internal/program"
)

var update = flag.Bool("update", false, "write testdata/matrix.txt anew")

func TestMain(m *testing.M) { program.Main(m, main) }

// TestPolicies asks the rules without any request: who, about which post, from where and when.
func TestPolicies(t *testing.T) {
	model, err := newModel()
	if err != nil {
		t.Fatal(err)
	}
	day := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) // a Wednesday
	night := time.Date(2026, 3, 4, 23, 0, 0, 0, time.UTC)
	sunday := time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)
	office, home := "127.0.0.1", "203.0.113.7"
	mine, other := &Post{AuthorID: "me"}, &Post{AuthorID: "somebody"}

	for _, tt := range []struct {
		name     string
		may      nguard.Policy
		role     string
		post     any
		from     string
		at       time.Time
		loggedIn time.Duration // how long ago
		want     bool
		code     string
	}{
		{"a writer edits their own", CanEdit, "writer", mine, home, night, time.Hour, true, ""},
		{"a writer edits another's", CanEdit, "writer", other, home, day, 0, false, ""},
		{"an editor edits another's", CanEdit, "editor", other, home, night, time.Hour, true, ""},
		{"an admin is an editor too", CanEdit, "admin", other, home, night, time.Hour, true, ""},
		{"an unknown role edits their own", CanEdit, "pirate", mine, home, day, 0, true, ""},
		{"an unknown role edits another's", CanEdit, "pirate", other, home, day, 0, false, ""},
		{"a handler forgot the post", CanEdit, "admin", nil, office, day, 0, false, ""},

		{"a writer deletes their own", CanDelete, "writer", mine, home, day, time.Minute, true, ""},
		{"a login of an hour ago", CanDelete, "writer", mine, home, day, time.Hour, false, "step_up_required"},
		{"a new login would not help", CanDelete, "editor", other, home, day, time.Hour, false, ""},
		{"an admin deletes another's", CanDelete, "admin", other, home, day, time.Minute, true, ""},

		{"an admin exports by day", CanExport, "admin", nil, home, day, time.Hour, true, ""},
		{"an admin exports at night", CanExport, "admin", nil, home, night, time.Hour, false, ""},
		{"an admin exports on Sunday", CanExport, "admin", nil, home, sunday, time.Hour, false, ""},
		{"an admin exports in the office", CanExport, "admin", nil, office, night, time.Hour, true, ""},
		{"an editor exports in the office", CanExport, "editor", nil, office, day, 0, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			subject := model.Subject("me", tt.role)
			subject.IP, subject.AuthAt = netip.MustParseAddr(tt.from), tt.at.Add(-tt.loggedIn)
			d := tt.may.Decide(t.Context(), nguard.Access{Subject: subject, Resource: tt.post, Time: tt.at})
			if d.Allowed() != tt.want || d.Code != tt.code {
				t.Errorf("allowed %v, code %q, want %v, %q: %s, %s", d.Allowed(), d.Code, tt.want, tt.code, d.Rule, d.Reason)
			}
		})
	}
}

// TestMatrix keeps who may do what in a file, where review sees each change of authority. After a wanted one:
//
//	go test ./examples/policies -update
func TestMatrix(t *testing.T) {
	model, err := newModel()
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/matrix.txt"
	got := model.Matrix(Fields...)
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("who may do what has changed to\n%s\nfrom\n%s\nIf that is wanted, run this test with -update.", got, want)
	}
}

// TestProgram: the same rules, asked by requests.
func TestProgram(t *testing.T) {
	p := program.Start(t)
	nobody, ann, ed, wu := p.Browser(t), p.Browser(t), p.Browser(t), p.Browser(t)
	ann.Login("ann@example.com")
	ed.Login("ed@example.com")
	wu.Login("wu@example.com")
	nobody.Post("/posts/1", "", 401, "no_session")
	nobody.Get("/export", 401, "no_session")
	wu.Post("/posts/1", "", 200, "edited 1")
	wu.Post("/posts/2", "", 403, "forbidden")
	wu.Post("/posts/3", "", 404, "not_found")
	ed.Post("/posts/1", "", 200, "edited 1")
	ed.Get("/export", 403, "forbidden")
	ann.Get("/export", 200, "2 posts") // from this machine, which is the office, at any hour
	ann.Post("/api/auth/update-role", `{"userId":"wu","newRole":"editor"}`, 200, "success")
	wu.Post("/posts/2", "", 200, "edited 2")
	wu.Delete("/posts/2", 403, "forbidden")
	ann.Delete("/posts/2", 200, "deleted 2")
	p.Stop(t)
}
