package paritytest

import (
	"fmt"
	"regexp"
	"strings"
)

// difAliases gives a stable name to each random value, so that two answers can be compared without leaving
// anything out: the second new token of an answer is the second new token on every framework.
type difAliases struct {
	names, values []string
	fresh         int
}

var (
	difLogTime  = regexp.MustCompile(`time=\S+ `)
	difRandomID = regexp.MustCompile(`request_id=[0-9a-f]{16}\b`)
	difIDLine   = regexp.MustCompile(`^X-Request-Id: [0-9a-f]{16}$`)
)

func (a *difAliases) add(name, value string) {
	a.names, a.values = append(a.names, name), append(a.values, value)
}

func (a *difAliases) value(name string) string {
	for i := range a.names {
		if a.names[i] == name {
			return a.values[i]
		}
	}
	return ""
}

func (a *difAliases) knows(value string) bool {
	for i := range a.values {
		if a.values[i] == value {
			return true
		}
	}
	return false
}

// found names a value that an answer has brought. The name has a verb for the number.
func (a *difAliases) found(name, value string) {
	a.fresh++
	a.add(fmt.Sprintf(name, a.fresh), value)
}

// fill puts values in the places of names, and hide names in the places of values.
func (a *difAliases) fill(text string) string {
	for i := range a.names {
		text = strings.ReplaceAll(text, a.names[i], a.values[i])
	}
	return text
}

func (a *difAliases) hide(text string) string {
	for i := range a.names {
		if a.values[i] != "" {
			text = strings.ReplaceAll(text, a.values[i], a.names[i])
		}
	}
	return text
}

// learn names the tokens that an answer sets, and the handles of its version header.
func (a *difAliases) learn(head, cookie string) {
	for line := range strings.SplitSeq(head, "\r\n") {
		if value, ok := strings.CutPrefix(line, "Set-Cookie: "+cookie+"="); ok {
			if token, _, _ := strings.Cut(value, ";"); token != "" && !a.knows(token) {
				a.found("{token:new-%d}", token)
			}
		}
		if value, ok := strings.CutPrefix(line, "Nguard-Session-Version: "); ok {
			if handle, _, _ := strings.Cut(value, "."); !a.knows(handle) {
				a.found("{handle:new-%d}", handle)
			}
		}
	}
}
