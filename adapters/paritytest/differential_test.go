package paritytest

import (
	"testing"
)

// TestDifferential is promise P10: one request has one answer and one effect, whatever the framework. Each
// request of the corpus is written to the same application on net/http, gin and fiber, with their default
// settings, and answers, records, state and log are compared to the byte.
func TestDifferential(t *testing.T) {
	if len(difCorpus) < 600 {
		t.Errorf("the corpus has %d requests only", len(difCorpus))
	}
	seen := map[string]bool{}
	for _, e := range difCorpus {
		if seen[e.name] {
			t.Errorf("%q stands in the corpus twice", e.name)
		}
		seen[e.name] = true
		t.Run(e.name, func(t *testing.T) {
			for _, wrong := range difCheck(frameworkDifferences, e, difAll(t, e), difRunner(t)) {
				t.Error(wrong)
			}
		})
	}
	listed := map[string]bool{}
	for _, d := range frameworkDifferences {
		for _, name := range d.entries {
			if !seen[name] || listed[name] {
				t.Errorf("%q is listed as a difference, and is no entry of the corpus or is listed twice", name)
			}
			listed[name] = true
		}
	}
}

func difAll(t *testing.T, e difEntry) (r difResults) {
	t.Helper()
	for i, f := range difFrameworks {
		r[i] = difRun(t, f, e)
	}
	return r
}

func difRunner(t *testing.T) func(difFramework, difEntry) difResult {
	return func(f difFramework, e difEntry) difResult { return difRun(t, f, e) }
}

// TestDifferentialErrorHandler holds fiberguard.ErrorHandler to what clients of the endpoints rely on: what is
// refused in front of them is JSON of exactly their type (contract section 4), and other paths are left alone.
func TestDifferentialErrorHandler(t *testing.T) {
	for _, e := range difRefusedEarly {
		want := "Content-Type: application/json"
		if e.name == "errors: body of 5 MB to a page" {
			want = "Content-Type: text/plain; charset=utf-8"
		}
		r := difRun(t, difFiber, e)
		if len(r.replies) != 1 {
			t.Errorf("%s: %d answers", e.name, len(r.replies))
		}
		for _, a := range r.replies {
			if got := difLines(a.header, "Content-Type"); got != want {
				t.Errorf("%s: %q: %s", e.name, got, a.body)
			}
		}
	}
}
