package house

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// row is a line of the table in docs/architecture.md.
type row struct {
	patterns      []string
	testsOnly     bool
	ours, outside rule
}

// rule is what may be imported: patterns, or everything.
type rule struct {
	all      bool
	patterns []string
}

func (r rule) allows(p string) bool {
	return r.all || slices.ContainsFunc(r.patterns, func(pattern string) bool { return matches(pattern, p) })
}

// matches knows exact paths and those that end in "/..." for a folder and all below it.
func matches(pattern, p string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "/..."); ok {
		return p == prefix || strings.HasPrefix(p, prefix+"/")
	}
	return p == pattern
}

var quoted = regexp.MustCompile("`([^`]+)`")

func names(cell string) (list []string) {
	for _, m := range quoted.FindAllStringSubmatch(cell, -1) {
		list = append(list, m[1])
	}
	return list
}

// table reads the picture of the house.
func table(t *testing.T) (rows []row) {
	t.Helper()
	_, rest, ok := strings.Cut(read(t, "docs/architecture.md"), "\n| Packages | What they are | Import of nguard | Import from outside |\n")
	if !ok {
		t.Fatal("docs/architecture.md has lost the table of imports, or its head reads otherwise")
	}
	for line := range strings.Lines(rest) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			break
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if len(cells) != 4 {
			t.Fatalf("row with %d cells: %s", len(cells), line)
		}
		if strings.HasPrefix(strings.TrimSpace(cells[0]), "--") {
			continue
		}
		r := row{patterns: names(cells[0]), testsOnly: strings.Contains(cells[1], "tests only")}
		for i, to := range []*rule{&r.ours, &r.outside} {
			switch cell := strings.TrimSpace(cells[2+i]); cell {
			case "anything":
				to.all = true
			case "nothing":
			default:
				if to.patterns = names(cell); len(to.patterns) == 0 {
					t.Fatalf("the cell %q is none of anything, nothing and names in backticks: %s", cell, line)
				}
			}
		}
		if len(r.patterns) == 0 {
			t.Fatalf("row without packages: %s", line)
		}
		rows = append(rows, r)
	}
	return rows
}

// find returns the row with the longest pattern that matches.
func find(rows []row, dir string) (best row, ok bool) {
	longest := -1
	for _, r := range rows {
		for _, p := range r.patterns {
			if matches(p, dir) && len(p) > longest {
				best, ok, longest = r, true, len(p)
			}
		}
	}
	return best, ok
}

// TestImports holds the code to the table: each package has a row, and imports nothing beyond it. Tests
// may import all of nguard, but nothing from outside that their package may not: what the tests of an
// imported package need is downloaded by every user of it.
func TestImports(t *testing.T) {
	rows, all := table(t), folders(t)
	for dir, f := range all {
		r, ok := find(rows, dir)
		if !ok {
			t.Errorf("%s has no row in the table of docs/architecture.md: say there what it is and what it imports", dir)
			continue
		}
		if r.testsOnly {
			if !slices.Equal(f.files, []string{"doc.go"}) || len(f.imports) > 0 {
				t.Errorf("%s is to have tests only: beside doc.go it has %v, which import %v", dir, f.files, f.imports)
			}
			continue
		}
		for _, p := range f.imports {
			if ours, ok := strings.CutPrefix(p, module+"/"); ok {
				if !r.ours.allows(ours) {
					t.Errorf("%s imports %s of nguard, which its row in docs/architecture.md does not allow", dir, ours)
				}
				if to, ok := find(rows, ours); ok && to.testsOnly {
					t.Errorf("%s imports %s, which is to be imported by nobody", dir, ours)
				}
			} else if !standard(p) && !r.outside.allows(p) {
				t.Errorf("%s imports %s, which its row in docs/architecture.md does not allow", dir, p)
			}
		}
		for _, p := range f.test {
			if !strings.HasPrefix(p, module+"/") && !standard(p) && !r.outside.allows(p) {
				t.Errorf("a test of %s imports %s, which everybody who uses %[1]s would download: move it to a package that nobody imports", dir, p)
			}
		}
	}
	for _, r := range rows {
		for _, p := range r.patterns {
			if !slices.ContainsFunc(keys(all), func(dir string) bool { return matches(p, dir) }) {
				t.Errorf("the table of docs/architecture.md speaks of %s, which does not exist", p)
			}
		}
	}
}

func keys[V any](m map[string]V) (list []string) {
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}
