package house

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// programs are what users import together.
var programs = map[string][]string{
	"light":     {"core", "policy", "audit", "adapters/httpguard", "stores/memstore", "stores/sqlstore"},
	"ratelimit": {"policy/ratelimit"},
	"gin":       {"adapters/ginguard"},
	"fiber":     {"adapters/fiberguard"},
}

// TestWeight compares what a program reaches, the tests of what it imports included, with a golden file:
// this module in one line, and each package of others.
func TestWeight(t *testing.T) {
	for name, packages := range programs {
		t.Run(name, func(t *testing.T) {
			args := []string{"list", "-deps", "-test", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}"}
			for _, p := range packages {
				args = append(args, "./"+p)
			}
			var reached []string
			for line := range strings.Lines(command(t, root(t), nil, args...)) {
				p, _, _ := strings.Cut(strings.TrimSpace(line), " ") // "p [q.test]" is p built for the tests of q
				if p == module || strings.HasPrefix(p, module+"/") {
					p = module
				}
				if p != "" {
					reached = append(reached, p)
				}
			}
			slices.Sort(reached)
			got := strings.Join(slices.Compact(reached), "\n") + "\n"
			golden := filepath.Join("testdata", "weight", name+".txt")
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
				t.Errorf("%v reach:\n%swhich is to be:\n%sIf that is wanted, run this test with -update.", packages, got, want)
			}
		})
	}
}

// TestFreshModule is somebody who uses net/http, policies and the SQL store: with an empty module cache
// and no network, go mod tidy and go build find all they need, and go.sum lists nothing.
func TestFreshModule(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.com/fresh\n\ngo 1.25.0\n\nrequire " + module + " v0.0.0\n\nreplace " + module + " => " + root(t) + "\n",
		"main.go": `package main

import (
	"log"
	"net/http"

	"` + module + `/adapters/httpguard"
	"` + module + `/audit"
	nguard "` + module + `/core"
	"` + module + `/policy"
	"` + module + `/stores/sqlstore"
)

func main() {
	guard, err := nguard.New(nguard.Config{Store: sqlstore.New(nil, sqlstore.SQLite), Audit: audit.NewMemory(10)})
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("localhost:8080", httpguard.Require(guard, policy.SignedIn)(http.NotFoundHandler())))
}
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"GOMODCACHE=" + t.TempDir(), "GOPROXY=off", "GOFLAGS=-mod=mod -modcacherw", "GOWORK=off", "GOTOOLCHAIN=local"}
	command(t, dir, env, "mod", "tidy")
	command(t, dir, env, "build", "-o", os.DevNull, ".")
	sum, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if len(sum) > 0 {
		t.Errorf("a program that imports light packages only gets this go.sum:\n%s", sum)
	}
}

// command runs the go command and returns what it says.
func command(t *testing.T, dir string, env []string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return string(out)
}
