package guides

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
)

// programs are those that guides add nguard to, with their guides.
var programs = map[string]string{"gin": "gin.md", "fiber": "fiber.md", "nethttp": "net-http.md"}

// TestTenLines: what nguard adds to a program is at most ten lines beside imports and what reaches the users
// table, and the guide shows each of them.
func TestTenLines(t *testing.T) {
	for name, guide := range programs {
		lines := added(body(t, "../"+name+"/before/main.go"), body(t, "../"+name+"/main.go"))
		if len(lines) == 0 || len(lines) > 10 {
			t.Errorf("examples/%s: nguard adds %d lines:\n%s", name, len(lines), strings.Join(lines, "\n"))
		}
		text, err := os.ReadFile("../../docs/guides/" + guide)
		if err != nil {
			t.Fatal(err)
		}
		var shown []string
		for line := range strings.SplitSeq(string(text), "\n") {
			if line, ok := strings.CutPrefix(line, "+"); ok {
				shown = append(shown, line)
			}
		}
		for _, line := range lines {
			if !slices.Contains(shown, line) {
				t.Errorf("docs/guides/%s does not show the line that nguard adds:\n%s", guide, line)
			}
		}
	}
}

// TestShort: the small programs stay small.
func TestShort(t *testing.T) {
	for _, name := range []string{"gin", "fiber", "nethttp", "webhook", "policies"} {
		text, err := os.ReadFile("../" + name + "/main.go")
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), "\n"); n >= 80 {
			t.Errorf("examples/%s/main.go has %d lines, it is to have less than 80", name, n)
		}
	}
}

// body returns the lines of a program without blank ones, the comment and the imports at its head, and the
// declaration of people, which stands for the users table.
func body(t *testing.T, name string) (lines []string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, name, text, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	leave := map[int]bool{}
	omit := func(from, to token.Pos) {
		for n := files.Position(from).Line; n <= files.Position(to).Line; n++ {
			leave[n] = true
		}
	}
	omit(f.FileStart, f.Name.End())
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		if v, ok := g.Specs[0].(*ast.ValueSpec); g.Tok == token.IMPORT || ok && v.Names[0].Name == "people" {
			if g.Doc != nil {
				omit(g.Doc.Pos(), g.Doc.End())
			}
			omit(g.Pos(), g.End())
		}
	}
	for i, line := range strings.Split(string(text), "\n") {
		if !leave[i+1] && strings.TrimSpace(line) != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// added returns the lines of after that are not in the longest sequence that both have in common.
func added(before, after []string) (list []string) {
	common := make([][]int, len(before)+1)
	for i := range common {
		common[i] = make([]int, len(after)+1)
	}
	for i := len(before) - 1; i >= 0; i-- {
		for j := len(after) - 1; j >= 0; j-- {
			if common[i][j] = max(common[i+1][j], common[i][j+1]); before[i] == after[j] {
				common[i][j] = common[i+1][j+1] + 1
			}
		}
	}
	i := 0
	for j, line := range after {
		for i < len(before) && before[i] != line && common[i+1][j] == common[i][j] {
			i++
		}
		if i < len(before) && before[i] == line {
			i++
			continue
		}
		list = append(list, line)
	}
	return list
}

// TestAdded shows that the count is right.
func TestAdded(t *testing.T) {
	for _, c := range []struct{ before, after, want string }{
		{"a b c", "a b c", ""},
		{"a b c", "x a b y c z", "x y z"},
		{"a b c", "a x c", "x"},
		{"a b c", "c a b", "c"},
		{"", "a b", "a b"},
		{"a } b }", "a } x } b }", "x }"},
		{"a b", "a", ""},
	} {
		got := added(strings.Fields(c.before), strings.Fields(c.after))
		if len(got) != len(strings.Fields(c.want)) {
			t.Errorf("%q to %q: %q, want %q", c.before, c.after, got, c.want)
		}
	}
}
