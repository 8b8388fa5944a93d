// Command report reads the output of go test -json and prints what go test would: a line for each
// package, and the output of tests that fail. It exits with 1 if a test or a build failed, if a test was
// skipped, or if there was no test at all.
//
// A suite skips cases about abilities that what it tests does not have and says so in these words; that
// is no test that waits for something which is missing here.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

var notApplicable = []string{
	"the store offers no nguard.",
	"the store lacks ", // a promise, which the guard has to waive
	"the harness has no ",
	"the harness does not offer what this case needs",
	"not for this backing: ",
	"not for this framework: ",
}

// event is a line of go test -json; see go doc test2json.
type event struct {
	Action, Package, Test, Output string
}

// pkg is what is known of a package that is being tested.
type pkg struct {
	outputs map[string]string // by test
	order   []string
	failed  bool // a test of it has
}

func main() {
	packages := map[string]*pkg{}
	var passed, failed, skipped int
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadString('\n')
		var e event
		switch {
		case line == "":
		case json.Unmarshal([]byte(line), &e) != nil:
			fmt.Print(line) // the go command itself has something to say
			failed++
		default:
			p := packages[e.Package]
			if p == nil {
				p = &pkg{outputs: map[string]string{}}
				packages[e.Package] = p
			}
			switch {
			case e.Action == "build-output", e.Action == "output" && e.Test == "" && e.Output != "PASS\n":
				fmt.Print(e.Output)
			case e.Action == "build-fail":
				failed++
			case e.Action == "output" && e.Test != "":
				if _, ok := p.outputs[e.Test]; !ok {
					p.order = append(p.order, e.Test)
				}
				p.outputs[e.Test] += e.Output
			case e.Action == "pass" && e.Test != "":
				passed++
				delete(p.outputs, e.Test)
			case e.Action == "skip" && e.Test != "":
				if slices.ContainsFunc(notApplicable, func(words string) bool { return strings.Contains(p.outputs[e.Test], words) }) {
					break
				}
				skipped++
				fmt.Printf("SKIPPED: %s %s\n%s", e.Package, e.Test, p.outputs[e.Test])
			case e.Action == "fail" && e.Test != "":
				failed++
				p.failed = true
				fmt.Print(p.outputs[e.Test])
			case e.Action == "fail":
				failed++
				if !p.failed { // a crash, a race or an exit in the middle of a test, which has no end then
					for _, test := range p.order {
						fmt.Print(p.outputs[test])
					}
				}
				delete(packages, e.Package)
			case e.Test == "" && (e.Action == "pass" || e.Action == "skip"):
				delete(packages, e.Package)
			}
		}
		if err != nil {
			break
		}
	}
	if failed > 0 || skipped > 0 || passed == 0 {
		fmt.Printf("%d passed, %d failed, %d skipped, which counts as failed\nFAIL\n", passed, failed, skipped)
		os.Exit(1)
	}
}
