package nguard

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// FuzzToken: a token has one spelling, and what was never issued is told apart without a read.
func FuzzToken(f *testing.F) {
	t, err := newToken()
	if err != nil {
		f.Fatal(err)
	}
	s := t.String()
	for _, seed := range []string{"", s, s[:len(s)-1], s + "A", s[:71] + "=", s[1:] + s[:1], strings.ToUpper(s), s[:70] + "\r\n", " " + s[1:],
		strings.Repeat("A", tokenLen), strings.Repeat("_", tokenLen), strings.NewReplacer("-", "+", "_", "/").Replace(s)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, _, ok := parseToken(s)
		if !ok {
			// Whatever 48 bytes the text begins with have a token: it is another spelling, or the check is wrong.
			var own token
			copy(own.raw[:], s)
			again, _, ok := parseToken(own.String())
			if !ok || again != own {
				t.Fatalf("%q is not read back", own.String())
			}
			return
		}
		if got.String() != s {
			t.Fatalf("%q and %q are one token", s, got.String())
		}
		for i := range s { // no neighbour is a token
			for _, c := range []byte{'A', 'b', '0', '-', '=', ' ', 0xff} {
				if c == s[i] {
					continue
				}
				if _, _, ok := parseToken(s[:i] + string(rune(c)) + s[i+1:]); ok {
					t.Fatalf("a token with byte %d changed is accepted", i)
				}
			}
		}
	})
}

// FuzzCookie: the session cookie is read as net/http reads it wherever that reads it at all, and never
// from under another name.
func FuzzCookie(f *testing.F) {
	c, err := newCookieCodec(Cookie{})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][2]string{
		{c.name + "=abc", ""}, {"a=b; " + c.name + "=abc; c=d", ""}, {c.name + "=abc", c.name + "=abd"}, {c.name + "=", c.name + "=abc"},
		{c.name + `="abc"`, ""}, {"=" + c.name + "=abc", ""}, {" " + c.name + " =abc", ""}, {strings.ToLower(c.name) + "=abc", ""},
		{"x" + c.name + "=abc", ""}, {c.name + "x=abc", ""}, {"\x00" + c.name + "=abc", ""}, {c.name + "=a b,c", ""}, {";;;=;" + c.name, ""},
		{"a=" + c.name + "=abc", ""}, {c.name + "==abc=", ""}, {"\t" + c.name + "=abc\t", "\v" + c.name + "=abc"}, {c.name + "=%41", ""},
		{`x="; ` + c.name + `=abc"`, ""}, {"\u00a0" + c.name + "=abc", ""},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		lines := []string{a}
		if b != "" {
			lines = append(lines, b)
		}
		got := c.read(lines)
		if got.tooLarge {
			if len(a)+len(b) <= maxCookieHeader && strings.Count(a, ";")+strings.Count(b, ";")+2 <= maxCookiePairs {
				t.Fatal("a small header is too large")
			}
			return
		}
		if got.value != "" && !strings.Contains(a+"\n"+b, c.name+"="+got.value) {
			t.Fatalf("made up the value %q", got.value)
		}
		// Pairs, read in the plainest way: only what stands under the name to the byte counts.
		var own []string
		for _, line := range lines {
			for _, pair := range strings.Split(line, ";") {
				if v, ok := strings.CutPrefix(strings.Trim(pair, " \t"), c.name+"="); ok && v != "" && !slices.Contains(own, v) {
					own = append(own, v)
				}
			}
		}
		if got.several != (len(own) > 1) || (len(own) == 0) != (got.value == "") || len(own) > 0 && got.value != own[0] {
			t.Fatalf("read %+v, there is %q", got, own)
		}
		r := http.Request{Header: http.Header{"Cookie": lines}}
		for _, other := range r.CookiesNamed(c.name) {
			// net/http strips quotes and trims more kinds of space; a token has neither.
			if _, _, ok := parseToken(other.Value); ok && !other.Quoted && !slices.Contains(own, other.Value) {
				t.Fatalf("net/http sees the token %q, nguard %q", other.Value, own)
			}
			if other.Value != "" && !other.Quoted && strings.Trim(other.Value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == "" && got.value == "" &&
				!strings.Contains(a+b, " =") && !strings.Contains(a+b, "\t=") && // net/http trims names
				strings.Trim(a+b, " \t!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~") == "" {
				t.Fatalf("net/http sees %q, nguard nothing", other.Value)
			}
		}
	})
}

func fuzzRecord() *Record {
	now := time.Date(2026, 7, 1, 12, 0, 0, 123456789, time.UTC)
	return &Record{ID: "mZUEuWkWdYkVHJ5AGmxHTg", Owner: "t/ann", Version: 7, Created: now, Updated: now.Add(time.Hour), AuthAt: now, Rotated: now,
		Expires: now.Add(24 * time.Hour), Idle: time.Hour, Remember: true, Due: true, Stamp: Epoch{Change: -5, Revoke: 1 << 62},
		User: User{ID: "ann", Name: "Ann Ünicode", Email: "a@b.c", Role: "admin", Permissions: []string{"a", "b"}, Disabled: true,
			Data: map[string]any{"theme": "dark", "n": int64(-3), "f": 2.5, "t": true, "u": false, "j": json.RawMessage(`{"a":[1]}`)}},
		Data: map[string]any{"visits": int64(12), "": "x"}, Device: "curl", IP: "::1", Methods: []string{"password", "totp"}, Level: 2}
}

// FuzzRecord: a stored record is read back to the byte, or refused; memory follows its size.
func FuzzRecord(f *testing.F) {
	full, empty := fuzzRecord().Encode(), (&Record{}).Encode()
	f.Add(full)
	f.Add(empty)
	f.Add([]byte{})
	f.Add([]byte{recordFormat})
	f.Add(full[:len(full)-1])
	f.Add(append(slices.Clone(full), 0))
	f.Add(append(slices.Clone(empty[:len(empty)-2]), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1))
	f.Add(append(slices.Clone(empty[:len(empty)-1]), 1, 1, 'a', tagFloat, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		kept := slices.Clone(b)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r, err := DecodeRecord(b)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 64<<10+256*uint64(len(b)) {
			t.Fatalf("%d bytes of input took %d", len(b), n)
		}
		if !bytes.Equal(b, kept) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			if r != nil {
				t.Fatal("an error and a record")
			}
			return
		}
		clear(b) // nothing in the record may be a part of the input, which a driver uses again
		if got := r.Encode(); !bytes.Equal(got, kept) {
			t.Fatalf("read %x, written %x", kept, got)
		}
	})
}

// headers is an Exchange that has headers and nothing else.
type headers http.Header

func (h headers) Context() context.Context                                     { return context.Background() }
func (h headers) Line() Line                                                   { return Line{} }
func (h headers) Header(name string) []string                                  { return h[name] }
func (h headers) Peer() netip.Addr                                             { return netip.Addr{} }
func (h headers) Body(int64) ([]byte, error)                                   { return nil, nil }
func (h headers) SetHeader(_, _ string)                                        {}
func (h headers) AddHeader(_, _ string)                                        {}
func (h headers) SetCookie(_, _ string)                                        {}
func (h headers) Started() bool                                                { return false }
func (h headers) Respond(_ int, _ []byte) error                                { return nil }
func (h headers) Stream(time.Duration, func(context.Context, io.Writer)) error { return nil }
func (h headers) Bind(context.Context)                                         {}

// from is headers of a request from an address.
type from struct {
	headers
	peer netip.Addr
}

func (f from) Peer() netip.Addr { return f.peer }

// FuzzForwarded: nobody chooses the address that they are counted by.
func FuzzForwarded(f *testing.F) {
	for _, seed := range [][3]string{
		{"10.0.0.1", "203.0.113.9", ""}, {"10.0.0.1", "1.2.3.4, 203.0.113.9", "10.0.0.2"}, {"203.0.113.1", "1.2.3.4", ""}, {"10.0.0.1", "", ""},
		{"10.0.0.1", "unknown, 203.0.113.9", ""}, {"10.0.0.1", "203.0.113.9:8080", "[2001:db8::1]:443"}, {"::ffff:10.0.0.1", "::ffff:203.0.113.9", ""},
		{"10.0.0.1", ",,,", " , "}, {"fd00::1%eth0", "fe80::1%eth0", ""}, {"10.0.0.1", "010.0.0.1", "203.0.113.9,"}, {"", "1.2.3.4", ""},
		{"10.0.0.1", "[203.0.113.9", "]]]"}, {"10.0.0.1", strings.Repeat("10.0.0.1,", 500), ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	p := proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	f.Fuzz(func(t *testing.T, peerText, a, b string) {
		peer, _ := netip.ParseAddr(peerText)
		plainPeer := peer.Unmap().WithZone("")
		lines := []string{a}
		if b != "" {
			lines = append(lines, b)
		}
		got := p.client(from{headers{"X-Forwarded-For": lines}, peer})
		if got.Is4In6() || got.Zone() != "" {
			t.Fatalf("%v has two spellings", got)
		}
		if !p.trusts(plainPeer) {
			if got != plainPeer {
				t.Fatalf("%v is no proxy and was believed: %v", peer, got)
			}
			return
		}
		if !got.IsValid() {
			t.Fatal("a known peer gave no address")
		}
		// What a client writes stands left of what the proxy adds: it changes nothing once that names them.
		for _, own := range []string{"203.0.113.77", "2001:db8::77", "203.0.113.77:1234", "[2001:db8::77]:1", " 203.0.113.77\t"} {
			for _, lines := range [][]string{{a, b, own}, {a + "," + b + "," + own}, {a, b, own + ",10.1.1.1"}, {a, b, own, "10.1.1.1"}} {
				if got := p.client(from{headers{"X-Forwarded-For": lines}, peer}).String(); got != "203.0.113.77" && got != "2001:db8::77" {
					t.Fatalf("%q gave %v", lines, got)
				}
			}
		}
		// Without a proxy's own address in the middle, the answer is one that stands in the header, or a proxy.
		if !p.trusts(got) {
			all := strings.FieldsFunc(a+","+b, func(r rune) bool { return r == ',' })
			if !slices.ContainsFunc(all, func(s string) bool { hop, ok := parseHop(s); return ok && hop == got }) {
				t.Fatalf("%q: made up %v", lines, got)
			}
		}
	})
}

// FuzzOrigin: whatever net/http refuses is refused, and no Origin of another host is ever taken for own.
func FuzzOrigin(f *testing.F) {
	for _, seed := range [][4]string{
		{"POST", "app.example.com", "https://app.example.com", "same-origin"}, {"POST", "app.example.com", "https://evil.example", "same-origin"},
		{"POST", "app.example.com", "https://app.example.com.evil.example", ""}, {"POST", "app.example.com", "null", "cross-site"},
		{"POST", "app.example.com", "https://app.example.com@evil.example", ""}, {"POST", "APP.example.com", "https://app.example.com", ""},
		{"POST", "app.example.com:443", "https://app.example.com", "same-site"}, {"DELETE", "app.example.com", "", "none"}, {"PUT", "", "", ""},
		{"POST", "app.example.com", "https://app.example.com/", ""}, {"GET", "app.example.com", "https://evil.example", "cross-site"},
		{"post", "app.example.com", "", "cross-site"}, {"POST", "[::1]:8080", "https://[::1]:8080", ""}, {"POST", "app.example.com", "https:app.example.com", "x"},
		{"POST", "a.example", "HTTPS://a.example", ""}, {"POST", "\u212a.example", "https://k.example", ""},
	} {
		for _, bits := range []byte{0, 1, 2, 3} {
			f.Add(seed[0], seed[1], seed[2], seed[3], bits)
		}
	}
	listed, err := newOrigins([]string{"https://app.example.com"}, nil)
	if err != nil {
		f.Fatal(err)
	}
	unlisted, err := newOrigins(nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	lower := func(s string) string { // of ASCII: no other letter names the same host
		b := []byte(s)
		for i, c := range b {
			if c >= 'A' && c <= 'Z' {
				b[i] = c + 'a' - 'A'
			}
		}
		return string(b)
	}
	f.Fuzz(func(t *testing.T, method, host, origin, site string, bits byte) {
		h := http.Header{}
		if origin != "" {
			h.Set("Origin", origin)
		}
		if site != "" {
			h.Set("Sec-Fetch-Site", site)
		}
		line := Line{Method: method, Host: host, TLS: bits&1 != 0}
		cookie := bits&2 != 0
		r := &http.Request{Method: method, Host: lower(host), // browsers send it so; nguard does not mind
			Header: h, URL: &url.URL{Path: "/"}}
		refusedByGo := http.NewCrossOriginProtection().Check(r) != nil
		own := unlisted.check(headers(h), line, cookie) == nil
		if refusedByGo && own {
			t.Fatalf("%s %s Origin %q Sec-Fetch-Site %q: net/http refuses it, nguard does not", method, host, origin, site)
		}
		byList := listed.check(headers(h), line, cookie) == nil
		if safeMethod(method) {
			return
		}
		if byList && origin != "" && origin != "https://app.example.com" {
			t.Fatalf("origin %q is not listed and was accepted", origin)
		}
		if (own || byList) && site != "" && site != "same-origin" && site != "none" && !(byList && origin == "https://app.example.com") {
			t.Fatalf("Sec-Fetch-Site %q was accepted with origin %q", site, origin)
		}
		if (own || byList) && cookie && origin == "" && site == "" {
			t.Fatal("a session cookie with neither header was accepted")
		}
		if own && origin != "" {
			u, err := url.Parse(origin)
			if err != nil || u.Host != lower(host) || u.User != nil || u.Path != "" || (u.Scheme == "https") != line.TLS {
				t.Fatalf("origin %q was taken for that of %q", origin, host)
			}
		}
	})
}
