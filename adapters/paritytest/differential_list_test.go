package paritytest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// difDifference is a difference that nguard cannot take away, because the framework decides before nguard sees
// the request or after it has passed it on. docs/adapters.md has the same rows.
type difDifference struct {
	entries []string
	// what each answers: status and type
	netHTTP, gin, fiber string
	// what differs from net/http
	in string
	// like is an entry, nothing odd in it, to which the same framework gives the same answer with the same
	// effects: whoever takes what others refuse does no more than that.
	like string
	why  string
}

// difResults are the results of an entry on each framework, net/http first.
type difResults [3]difResult

var difFrameworks = [3]difFramework{difNetHTTP, difGin, difFiber}

// in names what differs from net/http on which framework.
func (r difResults) in() string {
	var all []string
	for i, f := range difFrameworks[1:] {
		if parts, _ := difCompare(r[0], r[i+1]); len(parts) > 0 {
			all = append(all, f.name+": "+strings.Join(parts, ", "))
		}
	}
	return strings.Join(all, "; ")
}

// difListed finds the row of an entry.
func difListed(list []difDifference, name string) (d difDifference, ok bool) {
	i := slices.IndexFunc(list, func(d difDifference) bool { return slices.Contains(d.entries, name) })
	if i < 0 {
		return d, false
	}
	return list[i], true
}

// difCheck compares what was seen with what is listed. It returns what is wrong.
func difCheck(list []difDifference, e difEntry, seen difResults, run func(difFramework, difEntry) difResult) (wrong []string) {
	is := difDifference{netHTTP: seen[0].short(), gin: seen[1].short(), fiber: seen[2].short(), in: seen.in()}
	d, listed := difListed(list, e.name)
	switch {
	case !listed && is.in == "":
		return nil
	case !listed:
		for i := range difFrameworks[1:] {
			if _, report := difCompare(seen[0], seen[i+1]); report != "" {
				wrong = append(wrong, fmt.Sprintf("%s answers something else than net/http:\n%s", difFrameworks[i+1].name, report))
			}
		}
		return wrong
	case is.in == "":
		return []string{"listed as a difference, and is none any more: take it out"}
	case is.in != d.in || is.netHTTP != d.netHTTP || is.gin != d.gin || is.fiber != d.fiber:
		wrong = append(wrong, fmt.Sprintf("listed as %q %q %q in %q,\nand is %q %q %q in %q", d.netHTTP, d.gin, d.fiber, d.in, is.netHTTP, is.gin, is.fiber, is.in))
	}
	return append(wrong, difUnsafe(d, e, seen, run)...)
}

var difPath = regexp.MustCompile(`"path":"[^"]*"`)

// difUnsafe says where a difference is more than one of form: a request that one refuses leaves nothing behind
// there, and whoever takes it treats it as the plain request that it means there.
func difUnsafe(d difDifference, e difEntry, seen difResults, run func(difFramework, difEntry) difResult) (wrong []string) {
	refused := slices.ContainsFunc(seen[:], func(r difResult) bool { return !r.accepted() })
	for i, r := range seen {
		f := difFrameworks[i]
		if !r.accepted() {
			if r.changed {
				wrong = append(wrong, f.name+" refuses, and something has changed")
			}
			continue
		}
		if !refused || !r.reached() {
			continue
		}
		twin := slices.IndexFunc(difCorpus, func(e difEntry) bool { return e.name == d.like })
		if twin < 0 {
			wrong = append(wrong, f.name+" takes what another refuses, and no plain request is named that it takes it for")
			continue
		}
		plain := run(f, difCorpus[twin])
		plain.records, r.records = difPath.ReplaceAllString(plain.records, ""), difPath.ReplaceAllString(r.records, "")
		if parts, report := difCompare(plain, r); len(parts) > 0 {
			wrong = append(wrong, fmt.Sprintf("%s takes %q otherwise than %q:\n%s", f.name, e.name, d.like, report))
		}
	}
	return wrong
}

// accepted reports whether all was done that was asked for.
func (r difResult) accepted() bool {
	return len(r.replies) > 0 && !slices.ContainsFunc(r.replies, func(a difReply) bool { return a.status >= 300 })
}

// reached reports whether nguard has seen the request: then the answer depends on the cookie.
func (r difResult) reached() bool {
	return r.changed || r.records != "" || slices.ContainsFunc(r.replies, func(a difReply) bool { return difLines(a.header, "Vary") != "" })
}
