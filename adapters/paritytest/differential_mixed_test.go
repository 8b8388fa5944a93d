package paritytest

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestDifferentialMixed puts start lines, header lines and bodies of the corpus together in ways that nobody
// thought of. What is listed as a difference is left out, so that all frameworks must agree. The seed is
// fixed: what fails once fails again, and belongs into the corpus then.
func TestDifferentialMixed(t *testing.T) {
	starts, lines, bodies := difParts()
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	variants := []difVariant{difPlain, difPlain, difPage, difProxied, difOrigins}
	for range 1000 {
		var own []string
		for _, line := range []string{asUser, ownSite, asJSON, "Origin: http://app.example"} {
			if r.IntN(3) > 0 {
				own = append(own, line)
			}
		}
		for range r.IntN(4) {
			own = slices.Insert(own, r.IntN(len(own)+1), pick(lines))
		}
		body := ""
		if r.IntN(2) == 0 {
			body = pick(bodies)
			own = append(own, "Content-Length: "+strconv.Itoa(difLength(body)))
		}
		e := difEntry{"mixed", variants[r.IntN(len(variants))], difBare(pick(starts), body, append([]string{"Host: app.example"}, own...)...), difNext}
		for _, wrong := range difCheck(nil, e, difAll(t, e), nil) {
			t.Errorf("%q, variant %q: %s", e.raw, e.variant, wrong)
		}
	}
}

// difParts takes the corpus apart. Lines that say where a request ends are left out: a wrong one is wrong for
// all that follows on the connection.
func difParts() (starts, lines, bodies []string) {
	framing := []string{"Host:", "Content-Length:", "Transfer-Encoding:", "Content-Type: multipart/", " ", "\t"}
	for _, e := range difCorpus {
		head, body, _ := strings.Cut(e.raw, "\r\n\r\n")
		if _, listed := difListed(frameworkDifferences, e.name); listed || e.end != difNext || e.variant == difMount || e.variant == difErrors || e.variant == difStream || e.variant == difOwn || strings.Contains(body, " HTTP/1.") {
			continue
		}
		list := strings.Split(head, "\r\n")
		if !strings.ContainsAny(list[0], "\n") && !strings.Contains(list[0], " //") { // ServeMux redirects two slashes
			starts = append(starts, list[0])
		}
		for _, line := range list[1:] {
			odd := slices.ContainsFunc(framing, func(f string) bool { return strings.HasPrefix(strings.ToLower(line), strings.ToLower(f)) })
			if !odd && len(line) < 300 {
				lines = append(lines, line)
			}
		}
		if len(body) < 2000 && body != "" {
			bodies = append(bodies, body)
		}
	}
	for _, list := range []*[]string{&starts, &lines, &bodies} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return starts, lines, bodies
}
