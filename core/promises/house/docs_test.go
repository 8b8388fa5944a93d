package house

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents are what people read first.
func documents(t *testing.T) (list []string) {
	t.Helper()
	walk(t, func(name string) {
		if strings.HasSuffix(name, ".md") && (name == "README.md" || strings.HasPrefix(name, "docs/") || strings.HasPrefix(name, ".github/")) {
			list = append(list, name)
		}
	})
	return list
}

// lines takes indentation and the space at line ends away.
func lines(text string) []string {
	list := strings.Split(text, "\n")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// sources returns the lines of each Go file that continuous integration compiles, those of nested modules
// included.
func sources(t *testing.T) (list [][]string) {
	t.Helper()
	walk(t, func(name string) {
		if strings.HasSuffix(name, ".go") && !strings.Contains(name, "/testdata/") && !strings.HasPrefix(name, ".") {
			list = append(list, lines(read(t, name)))
		}
	})
	return list
}

// block is a piece of a document between two lines of backticks.
type block struct {
	language string
	lines    []string // as they are
}

// blocks returns the pieces of a document.
func blocks(t *testing.T, name string) (list []block) {
	t.Helper()
	var b *block
	for line := range strings.SplitSeq(read(t, name), "\n") {
		language, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fence && b == nil:
			b = &block{language: language}
		case fence:
			list, b = append(list, *b), nil
		case b != nil:
			b.lines = append(b.lines, line)
		}
	}
	if b != nil {
		t.Errorf("%s: a piece of code does not end", name)
	}
	return list
}

// sides splits a diff into what each of its parts was before and is after. Parts begin with "@@".
func sides(diff []string) (parts [][]string) {
	var before, after []string
	end := func() {
		for _, part := range [][]string{before, after} {
			if strings.TrimSpace(strings.Join(part, "")) != "" {
				parts = append(parts, lines(strings.Join(part, "\n")))
			}
		}
		before, after = nil, nil
	}
	for _, line := range diff {
		switch {
		case strings.HasPrefix(line, "@@"):
			end()
		case strings.HasPrefix(line, "-"):
			before = append(before, line[1:])
		case strings.HasPrefix(line, "+"):
			after = append(after, line[1:])
		default:
			before, after = append(before, line), append(after, line)
		}
	}
	end()
	return parts
}

// TestSnippets finds each piece of Go code in the documents, and in the package comment of core, in a Go
// file that is compiled: what newcomers copy works. Of a diff it finds both sides.
func TestSnippets(t *testing.T) {
	code := sources(t)
	check := func(where string, snippet []string) {
		if !slices.ContainsFunc(code, func(file []string) bool { return contains(file, snippet) }) {
			t.Errorf("%s: this code is in no Go file; take it from one below examples:\n%s", where, strings.Join(snippet, "\n"))
		}
	}
	found := map[string]int{}
	for _, name := range documents(t) {
		for _, b := range blocks(t, name) {
			found[b.language]++
			switch b.language {
			case "go":
				check(name, lines(strings.Join(b.lines, "\n")))
			case "diff":
				for _, part := range sides(b.lines) {
					check(name, part)
				}
			case "golang", "Go":
				t.Errorf("%s: a piece of code is marked %s: mark it go, so that it is compared", name, b.language)
			}
		}
	}
	if found["go"] == 0 || found["diff"] == 0 {
		t.Errorf("the documents show no code, or no diff: %v", found)
	}
	for _, snippet := range comments(read(t, "core/doc.go")) {
		check("core/doc.go", snippet)
	}
}

// comments returns the pieces of code in a package comment: lines that begin with a tab.
func comments(text string) (all [][]string) {
	var snippet []string
	for _, line := range strings.Split(text+"\n", "\n") {
		if code, ok := strings.CutPrefix(line, "//\t"); ok {
			snippet = append(snippet, strings.TrimSpace(code))
			continue
		}
		if line == "//" && snippet != nil {
			snippet = append(snippet, "")
			continue
		}
		for len(snippet) > 0 && snippet[len(snippet)-1] == "" {
			snippet = snippet[:len(snippet)-1]
		}
		if snippet != nil {
			all = append(all, snippet)
		}
		snippet = nil
	}
	return all
}

func contains(file, snippet []string) bool {
	for i := 0; i+len(snippet) <= len(file); i++ {
		if slices.Equal(file[i:i+len(snippet)], snippet) {
			return true
		}
	}
	return false
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// TestLinks follows each link to a file of this repository, and to a heading in it.
func TestLinks(t *testing.T) {
	for _, name := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, name), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			target := name
			if file != "" {
				target = path.Join(path.Dir(name), file)
			}
			if _, err := os.Stat(filepath.Join(root(t), filepath.FromSlash(target))); err != nil {
				t.Errorf("%s: the link %s leads nowhere", name, m[1])
			} else if anchor != "" && !slices.Contains(anchors(read(t, target)), anchor) {
				t.Errorf("%s: the link %s names a heading that %s does not have", name, m[1], target)
			}
		}
	}
}

// anchors returns the names by which headings are linked to.
func anchors(text string) (list []string) {
	strip := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	for _, line := range strings.Split(text, "\n") {
		if title := strings.TrimLeft(line, "#"); title != line && strings.HasPrefix(title, " ") {
			list = append(list, strings.ReplaceAll(strip.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), ""), " ", "-"))
		}
	}
	return list
}

// TestFilesOfCore keeps the list of files in docs/architecture.md complete.
func TestFilesOfCore(t *testing.T) {
	_, rest, ok := strings.Cut(read(t, "docs/architecture.md"), "\n## The files of core\n")
	if !ok {
		t.Fatal("docs/architecture.md has lost its list of the files of core")
	}
	rest, _, _ = strings.Cut(rest, "\n## ")
	var listed []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+\\.go)`").FindAllStringSubmatch(rest, -1) {
		listed = append(listed, m[1])
	}
	slices.Sort(listed)
	files := folders(t)["core"].files
	slices.Sort(files)
	for _, f := range files {
		if !slices.Contains(listed, f) {
			t.Errorf("core/%s is not in the list of docs/architecture.md: say there what it is about", f)
		}
	}
	for _, f := range listed {
		if !slices.Contains(files, f) {
			t.Errorf("docs/architecture.md lists core/%s, which does not exist", f)
		}
	}
}

// TestLogInventory keeps the list of events in docs/security.md complete (ASVS 16.1.1).
func TestLogInventory(t *testing.T) {
	_, rest, ok := strings.Cut(read(t, "docs/security.md"), "\n### Events\n")
	if !ok {
		t.Fatal("docs/security.md has lost its list of events")
	}
	rest, _, _ = strings.Cut(rest, "\n## ")
	rest, _, _ = strings.Cut(rest, "\n### ")
	var listed, declared []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)`").FindAllStringSubmatch(rest, -1) {
		listed = append(listed, m[1])
	}
	for _, m := range regexp.MustCompile(`(?m)^\tEvent\w+ += "([a-z_]+)"`).FindAllStringSubmatch(read(t, "core/audit.go"), -1) {
		declared = append(declared, m[1])
	}
	if len(declared) < 20 {
		t.Fatalf("only %d events found in core/audit.go", len(declared))
	}
	for _, e := range declared {
		if !slices.Contains(listed, e) {
			t.Errorf("the event %s is not in the list of docs/security.md: say there when it is recorded", e)
		}
	}
	for _, e := range listed {
		if !slices.Contains(declared, e) {
			t.Errorf("docs/security.md lists the event %s, which core/audit.go does not declare", e)
		}
	}
}
