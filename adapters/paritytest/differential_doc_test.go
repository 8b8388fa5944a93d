package paritytest

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// difRow is the row of a difference in docs/adapters.md.
func difRow(d difDifference) string {
	taken := d.like
	if taken == "" {
		taken = "-"
	}
	cells := []string{strings.Join(d.entries, "<br>"), d.netHTTP, d.gin, d.fiber, d.in, taken, d.why}
	return "| " + strings.Join(cells, " | ") + " |"
}

// TestDifferentialDocument keeps the table of differences in docs/adapters.md equal to the one that is tested.
func TestDifferentialDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/adapters.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "\n## Where answers differ\n")
	if !ok {
		t.Fatal("docs/adapters.md has lost its section Where answers differ")
	}
	rest, _, _ = strings.Cut(rest, "\n## ")
	var rows []string
	for line := range strings.Lines(rest) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "| ") {
			rows = append(rows, line)
		}
	}
	if len(rows) > 0 {
		rows = rows[1:] // the names of the columns
	}
	for _, d := range frameworkDifferences {
		row := difRow(d)
		if i := slices.Index(rows, row); i >= 0 {
			rows = slices.Delete(rows, i, i+1)
		} else {
			t.Errorf("docs/adapters.md lacks the row\n%s", row)
		}
	}
	for _, row := range rows {
		t.Errorf("docs/adapters.md has a row that is not among frameworkDifferences:\n%s", row)
	}
}
