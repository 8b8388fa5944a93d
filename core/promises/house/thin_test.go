package house

import (
	"go/scanner"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// TestAdaptersAreThin: an adapter has fewer than 200 lines of code, comments and blank ones not counted. What
// is more belongs to core, where all have it.
func TestAdaptersAreThin(t *testing.T) {
	for _, adapter := range []string{"httpguard", "ginguard", "fiberguard"} {
		files, err := filepath.Glob(filepath.Join(root(t), "adapters", adapter, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(adapter, err)
		}
		lines := 0
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				lines += codeLines(read(t, "adapters/"+adapter+"/"+filepath.Base(file)))
			}
		}
		if lines >= 200 {
			t.Errorf("%s has %d lines of code", adapter, lines)
		}
	}
}

// codeLines counts the lines on which anything but comments stands.
func codeLines(text string) int {
	set := token.NewFileSet()
	file := set.AddFile("", set.Base(), len(text))
	var s scanner.Scanner
	s.Init(file, []byte(text), nil, 0)
	lines := map[int]bool{}
	for {
		pos, tok, literal := s.Scan()
		switch {
		case tok == token.EOF:
			return len(lines)
		case tok == token.SEMICOLON && literal == "\n":
			continue // the scanner's own
		}
		for i := range strings.Count(literal, "\n") + 1 {
			lines[file.Line(pos)+i] = true
		}
	}
}

func TestCodeLines(t *testing.T) {
	if n := codeLines("// a\npackage p\n\n/* b\n */ var x = `1\n2` // c\n\nfunc f() {\n}\n"); n != 5 {
		t.Errorf("%d lines", n)
	}
}
