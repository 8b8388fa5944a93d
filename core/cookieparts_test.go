package nguard

import (
	"context"
	"slices"
	"strings"
	"testing"
)

// inCookie is a store that says that its tokens live in the cookie.
type inCookie struct {
	Store
	name string
	max  int
}

func (s inCookie) CookieName() string { return s.name }
func (s inCookie) MaxToken() int      { return s.max }

// behind hides a store behind Unwrap.
type behind struct {
	Store
	inner any
}

func (b behind) Unwrap() any { return b.inner }

func partsCodec(t testing.TB, longest int) *cookieCodec {
	t.Helper()
	c, err := newCookieCodec(Cookie{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.fit(behind{inner: inCookie{name: c.name, max: longest}}); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCookieFit(t *testing.T) {
	for longest, want := range map[int]int{1: 0, 3072: 0, maxCookieValue: 0, maxCookieValue + 1: 2, 2 * partData: 2, 2*partData + 1: 3, MaxCookieToken: 4} {
		if got := len(partsCodec(t, longest).parts); got != want {
			t.Errorf("tokens of %d bytes: %d cookies, want %d", longest, got, want)
		}
	}
	c := partsCodec(t, 1)
	for what, s := range map[string]inCookie{
		"another name": {name: "nguard-session", max: 100}, "no name": {max: 100}, "no length": {name: c.name}, "too long": {name: c.name, max: MaxCookieToken + 1},
	} {
		if err := c.fit(s); err == nil || !strings.Contains(err.Error(), "Config.") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := c.fit(behind{}); err != nil || c.parts != nil {
		t.Errorf("a store with rows: %v", err)
	}
}

// sets is an Exchange of which only the cookies matter.
type sets struct {
	Exchange
	lines map[string]string
}

func (s *sets) Context() context.Context    { return context.Background() }
func (s *sets) SetCookie(name, line string) { s.lines[name] = line }

// What is given comes back, whatever stood there before, and taking it leaves nothing.
func TestCookieParts(t *testing.T) {
	c := partsCodec(t, MaxCookieToken)
	s := &Session{rec: &Record{}}
	for _, n := range []int{1, 100, maxCookieValue, maxCookieValue + 1, partData * 2, partData*2 + 1, partData * 3, MaxCookieToken} {
		token := strings.Repeat("ab-_", n/4+1)[:n]
		x := &sets{lines: map[string]string{}}
		c.give(x, token, s, s.rec.Created)
		if len(x.lines) != len(c.parts) {
			t.Fatalf("%d bytes: %d lines", n, len(x.lines))
		}
		var pairs []string
		for name, line := range x.lines {
			pair, attributes, _ := strings.Cut(line, ";")
			if len(pair) > 4096 || !strings.HasPrefix(pair, name+"=") || !strings.Contains(attributes, "Secure") {
				t.Errorf("%d bytes: the line of %s is %.100q", n, name, line)
			}
			if gone := strings.Contains(line, "Max-Age=0"); gone != strings.HasSuffix(pair, "=") {
				t.Errorf("%d bytes: %q", n, line)
			}
			pairs = append(pairs, pair)
		}
		slices.Sort(pairs) // in any order
		if got := c.read([]string{strings.Join(pairs, "; ")}); got != (shown{value: token}) {
			t.Errorf("%d bytes came back as %.60v", n, got)
		}
		c.take(x)
		for name, line := range x.lines {
			if !strings.HasPrefix(line, name+"=;") || !strings.Contains(line, "Max-Age=0") {
				t.Errorf("taken: %q", line)
			}
		}
	}
}

// FuzzCookieParts: from whatever lines, a token comes that would be written as just these values, or none.
func FuzzCookieParts(f *testing.F) {
	c := partsCodec(f, MaxCookieToken)
	long := splitToken(strings.Repeat("x", 9000))
	f.Add("short", "", "", "")
	f.Add(long[0], long[1], long[2], "")
	f.Add(long[1], long[0], long[2], "")
	f.Add("~1.2.AAAAAAAAAAA.", "~2.2.AAAAAAAAAAA.", "", "")
	f.Add("", "x", "", "~4.4.a.b")
	f.Fuzz(func(t *testing.T, a, b, d, e string) {
		values := []string{a, b, d, e}
		pairs := make([]string, len(values))
		for i, v := range values {
			if v != strings.Trim(v, " \t") || strings.Contains(v, ";") {
				return // another line than it looks
			}
			pairs[i] = c.parts[i] + "=" + v
		}
		got := c.read([]string{strings.Join(pairs, "; ")})
		if got.tooLarge {
			return
		}
		empty := a+b+d+e == ""
		if got.several || got.broken && got.value != "" || empty != (!got.broken && got.value == "") {
			t.Fatalf("%q: %+v", values, got)
		}
		if got.broken || empty {
			return
		}
		if strings.HasPrefix(a, partMark) {
			// A part may be cut elsewhere than splitToken does; what counts is that the whole is what the tag says.
			var whole string
			for _, v := range values {
				if v != "" {
					whole += strings.SplitN(v, ".", 4)[3]
				}
			}
			if whole != got.value || strings.SplitN(a, ".", 4)[2] != tagOf(whole) {
				t.Fatalf("%q: %q", values, got.value)
			}
		} else if got.value != a || b+d+e != "" {
			t.Fatalf("%q: %q", values, got.value)
		}
	})
}
