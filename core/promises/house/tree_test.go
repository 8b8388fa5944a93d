package house

import (
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the path that every package of this repository begins with.
const module = "github.com/nguard-go/nguard"

// root is the folder of go.mod.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if text, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && bytes.HasPrefix(text, []byte("module "+module+"\n")) {
			return dir
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	t.Fatalf("no go.mod of %s above this folder: %v", module, err)
	return ""
}

// walk calls fn with each file that belongs to the repository, by its path from the root with slashes.
func walk(t *testing.T, fn func(name string)) {
	t.Helper()
	base := root(t)
	ignored := ignores(t)
	err := filepath.WalkDir(base, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(base, p)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		switch {
		case name == ".":
		case d.Name() == ".git", d.Name() == "node_modules":
			if d.IsDir() {
				return fs.SkipDir
			}
		case ignored(name):
			if d.IsDir() {
				return fs.SkipDir
			}
		case d.Type().IsRegular():
			fn(name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// ignores reads .gitignore, of which it knows what is used there: names with stars, and paths.
func ignores(t *testing.T) func(name string) bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), ".gitignore"))
	if err != nil {
		t.Fatal(err)
	}
	return func(name string) bool {
		for pattern := range strings.FieldsSeq(string(text)) {
			rooted := strings.HasPrefix(pattern, "/")
			pattern = strings.Trim(pattern, "/")
			subject := path.Base(name)
			if rooted || strings.Contains(pattern, "/") {
				subject = name
			}
			if ok, err := path.Match(pattern, subject); ok && err == nil {
				return true
			}
		}
		return false
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// folder is one Go package: what its files import, whatever their build tags.
type folder struct {
	files         []string // without tests
	imports, test []string // sorted, each once
}

// folders returns the packages of the module by folder.
func folders(t *testing.T) map[string]*folder {
	t.Helper()
	all := map[string]*folder{}
	var nested []string
	walk(t, func(name string) {
		if path.Base(name) == "go.mod" && name != "go.mod" {
			nested = append(nested, path.Dir(name))
		}
	})
	walk(t, func(name string) {
		if !strings.HasSuffix(name, ".go") || slices.ContainsFunc(strings.Split(path.Dir(name), "/"), func(part string) bool {
			return part == "testdata" || strings.HasPrefix(part, ".") || strings.HasPrefix(part, "_")
		}) {
			return
		}
		for _, dir := range nested {
			if strings.HasPrefix(name, dir+"/") {
				return
			}
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root(t), filepath.FromSlash(name)), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		dir := path.Dir(name)
		if all[dir] == nil {
			all[dir] = &folder{}
		}
		list := &all[dir].imports
		if strings.HasSuffix(name, "_test.go") {
			list = &all[dir].test
		} else {
			all[dir].files = append(all[dir].files, path.Base(name))
		}
		for _, i := range f.Imports {
			p, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			*list = append(*list, p)
		}
	})
	for _, f := range all {
		for _, list := range []*[]string{&f.imports, &f.test} {
			slices.Sort(*list)
			*list = slices.Compact(*list)
		}
	}
	return all
}

// standard reports whether an import is of the standard library.
func standard(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	return !strings.Contains(first, ".")
}

// TestTopLevel keeps the top level a table of contents.
func TestTopLevel(t *testing.T) {
	allowed := []string{
		"LICENSE", "README.md", "go.mod", "go.sum",
		"adapters", "audit", "core", "docs", "examples", "policy", "stores",
	}
	entries, err := os.ReadDir(root(t))
	if err != nil {
		t.Fatal(err)
	}
	ignored := ignores(t)
	for _, e := range entries {
		if name := e.Name(); !strings.HasPrefix(name, ".") && !ignored(name) && !slices.Contains(allowed, name) {
			t.Errorf("%s stands at the top level: put it into one of the folders there", name)
		}
	}
}

// TestUnfinishedMarks finds what somebody has meant to come back to.
func TestUnfinishedMarks(t *testing.T) {
	mark := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|X` + `XX|HA` + `CK)\b`)
	walk(t, func(name string) {
		if name == "go.sum" {
			return // hashes
		}
		text := read(t, name)
		if strings.ContainsRune(text, 0) {
			return // not a text
		}
		for i, line := range strings.Split(text, "\n") {
			if found := mark.FindString(line); found != "" {
				t.Errorf("%s:%d: %s: finish it, or say what is missing in plain words", name, i+1, found)
			}
		}
	})
}

// TestSizes keeps out what a build has left behind: everything in the tree is downloaded by every user.
func TestSizes(t *testing.T) {
	const most = 256 << 10
	walk(t, func(name string) {
		info, err := os.Stat(filepath.Join(root(t), filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > most {
			t.Errorf("%s has %d bytes: take it out, or make it smaller than %d", name, info.Size(), most)
		}
	})
}

// TestGoLine keeps the go line where it was chosen to be: a dependency that raises it is a decision.
func TestGoLine(t *testing.T) {
	for line := range strings.Lines(read(t, "go.mod")) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "go ") && line != "go 1.25.0" {
			t.Errorf("go.mod says %q, it is to say go 1.25.0: choose versions of dependencies that keep it", line)
		}
		if strings.HasPrefix(line, "toolchain ") {
			t.Errorf("go.mod says %q: leave the choice to users", line)
		}
	}
}

// cryptography is what may be imported by code that is not a test (ASVS 11.2.1, 11.4.1).
var cryptography = map[string][]string{
	"crypto/hmac":   nil, // anywhere
	"crypto/rand":   nil,
	"crypto/sha256": nil,
	"crypto/subtle": nil,
	// Not for secrets: pauses between retries, and days that are simulated. Each place is named.
	"math/rand/v2": {"core", "stores/sqlstore", "adapters/adaptertest"},
	// Sealed cookies.
	"crypto/cipher":                        {"stores/cookiestore"},
	"crypto/hkdf":                          {"stores/cookiestore"},
	"golang.org/x/crypto/chacha20poly1305": {"stores/cookiestore"},
	// Hashes of passwords are the application's; the example shows how.
	"golang.org/x/crypto/argon2": {"examples/adminpanel"},
}

// TestCryptography allows proven code only: of the standard library and of golang.org/x/crypto, and of
// these what docs/security.md lists.
func TestCryptography(t *testing.T) {
	for dir, f := range folders(t) {
		for _, p := range f.imports {
			if !strings.HasPrefix(p, "crypto") && !strings.HasPrefix(p, "math/rand") && !strings.Contains(p, "/crypto") {
				continue
			}
			places, known := cryptography[p]
			if !known || places != nil && !slices.Contains(places, dir) {
				t.Errorf("%s imports %s: use what is listed in this test, or decide and list it here and in docs/security.md", dir, p)
			}
		}
	}
}
