package ratelimit

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	nguard "github.com/nguard-go/nguard/core"
)

// together says whether a rule counts two callers in one bucket.
func together(t *testing.T, r Rule, a, b nguard.Caller) bool {
	t.Helper()
	r, err := r.checked()
	if err != nil {
		t.Fatal(err)
	}
	x, err := r.appendKey(nil, &a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := r.appendKey(nil, &b)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Equal(x, y)
}

func TestI3_AddressesWithZonesAndOddForms(t *testing.T) {
	rule := PerIP("net", 5, time.Minute)
	if !together(t, rule, at("", "fe80::1%eth0"), at("", "fe80::2%eth1")) {
		t.Error("a zone must not make another bucket")
	}
	if !together(t, rule, at("", "64:ff9b::198.51.100.7"), at("", "198.51.100.7")) {
		t.Error("an IPv4 client behind the well-known NAT64 prefix has its own bucket")
	}
	if together(t, rule, at("", "64:ff9b::198.51.100.7"), at("", "64:ff9b::198.51.100.8")) {
		t.Error("all of IPv4 behind NAT64 must not share one bucket")
	}
}

func TestI5_PrefixesCatchRotation(t *testing.T) {
	near, far := PerIP("net", 5, time.Minute), PerNetwork("area", 5, time.Minute)
	for _, c := range []struct {
		a, b      string
		near, far bool
	}{
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff::2", true, true},
		{"2001:db8:1:2::1", "2001:db8:1:3::1", false, true},
		{"2001:db8:1:2::1", "2001:db8:2:2::1", false, false},
		{"203.0.113.1", "203.0.113.1", true, true},
		{"203.0.113.1", "203.0.113.2", false, true},
		{"203.0.113.1", "203.0.114.1", false, false},
	} {
		a, b := at("", c.a), at("", c.b)
		if got := together(t, near, a, b); got != c.near {
			t.Errorf("PerIP counts %s and %s together: %v, want %v", c.a, c.b, got, c.near)
		}
		if got := together(t, far, a, b); got != c.far {
			t.Errorf("PerNetwork counts %s and %s together: %v, want %v", c.a, c.b, got, c.far)
		}
	}

	l, _ := limiterAt(t, near, PerNetwork("area", 20, time.Minute))
	passed := 0
	for i := range 100 {
		ip := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 1, 0, byte(i)})
		passed += allowed(t, l, nguard.Caller{IP: ip}, 1)
	}
	if passed != 20 {
		t.Errorf("rotation across a /48 passed %d times, the wider tier allows 20", passed)
	}
}

func TestI6_MappedIPv4IsItsIPv4(t *testing.T) {
	rule := PerIP("net", 5, time.Minute)
	if !together(t, rule, at("", "::ffff:203.0.113.1"), at("", "203.0.113.1")) {
		t.Error("a mapped address must share the bucket of its IPv4")
	}
	if together(t, rule, at("", "::ffff:203.0.113.1"), at("", "::ffff:203.0.113.2")) {
		t.Error("different IPv4 addresses must stay apart in mapped form")
	}
}

func TestI7_RespelledAccountsShareABucket(t *testing.T) {
	rule := PerAccount("login", 5, time.Minute)
	for _, s := range []string{
		"ALICE@example.com", " alice@example.com ", "\talice@EXAMPLE.com\r\n", "alice@example.com\u00a0",
		"al\u200bice@example.com", "alice@example.com\x00", "\ufeffalice@example.com", "a\u00adlice@example.com",
	} {
		if !together(t, rule, at(s, "::1"), at("alice@example.com", "::1")) {
			t.Errorf("%q must share the bucket of alice@example.com", s)
		}
	}
	for _, pair := range [][2]string{
		{"KEVIN", "\u212aevin"}, {"ſam", "SAM"}, {"ΣΑΣ", "σας"}, {"john  smith", "John\u2003Smith"}, {"ÉMILE", "émile"},
	} {
		if !together(t, rule, at(pair[0], "::1"), at(pair[1], "::1")) {
			t.Errorf("%q and %q must share a bucket", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{{"alice", "alicf"}, {"john smith", "johnsmith"}, {"a", "aa"}, {"é", "e"}} {
		if together(t, rule, at(pair[0], "::1"), at(pair[1], "::1")) {
			t.Errorf("%q and %q must stay apart", pair[0], pair[1])
		}
	}
	if together(t, PerUser("u", 5, time.Minute), nguard.Caller{User: "A"}, nguard.Caller{User: "a"}) {
		t.Error("user IDs come from the session and are compared byte for byte")
	}
}

func TestKeysAreUnambiguous(t *testing.T) {
	rule := Rule{Name: "x", Limit: 1, Window: time.Second, By: User | Account | IP}
	a := nguard.Caller{User: "ab", Account: "c", IP: netip.MustParseAddr("::1")}
	b := nguard.Caller{User: "a", Account: "bc", IP: netip.MustParseAddr("::1")}
	if together(t, rule, a, b) {
		t.Error("a user and an account must not run into each other")
	}
}

func TestI7_LongNamesAreCountedApart(t *testing.T) {
	l, _ := limiterAt(t, PerAccount("login", 1, time.Minute))
	long := strings.Repeat("x", 1<<16)
	if allowed(t, l, at(long, "::1"), 2) != 1 || allowed(t, l, at(long+"y", "::1"), 2) != 1 {
		t.Error("names of any length have a bucket each")
	}
}

func TestMissingPartIsAnError(t *testing.T) {
	ip := netip.MustParseAddr("::1")
	for _, c := range []struct {
		rule   Rule
		caller nguard.Caller
	}{
		{PerUser("u", 5, time.Minute), nguard.Caller{Account: "a", IP: ip}},
		{PerAccount("a", 5, time.Minute), nguard.Caller{User: "u", IP: ip}},
		{PerIP("i", 5, time.Minute), nguard.Caller{User: "u", Account: "a"}},
		{PerIP("i", 5, time.Minute), nguard.Caller{IP: netip.IPv6Unspecified()}},
		{PerIP("i", 5, time.Minute), nguard.Caller{IP: netip.MustParseAddr("::ffff:0.0.0.0")}},
		{PerAccountIP("p", 5, time.Minute), nguard.Caller{Account: "a"}},
	} {
		l, _ := limiterAt(t, c.rule)
		q, err := l.Take(context.Background(), c.caller, 1)
		if !errors.Is(err, ErrMissing) || q.Allowed {
			t.Errorf("%s with %+v: %+v, %v; want ErrMissing", c.rule.Name, c.caller, q, err)
		}
		if err != nil && !strings.Contains(err.Error(), c.rule.Name) {
			t.Errorf("the error does not name the rule: %v", err)
		}
		if err := l.Reset(context.Background(), c.caller); errors.Is(err, ErrMissing) != (c.rule.By&Account != 0) {
			t.Errorf("%s: Reset: %v", c.rule.Name, err)
		}
	}
}

func FuzzAccount(f *testing.F) {
	for _, s := range []string{"alice", " Alice ", "a\u200bb", "\xff\xfe", "ſ", "\u212a", "a  b", "", "  ", "ẞß", "İı"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := appendFolded(nil, s)
		if !utf8.Valid(once) {
			t.Fatalf("%q folds to invalid %q", s, once)
		}
		if twice := appendFolded(nil, string(once)); !bytes.Equal(once, twice) {
			t.Fatalf("%q folds to %q and then to %q", s, once, twice)
		}
		if utf8.ValidString(s) {
			for _, respelled := range []string{strings.ToUpper(s), " " + s + "\t", strings.ToLower(s)} {
				if strings.EqualFold(strings.TrimSpace(respelled), strings.TrimSpace(s)) &&
					!bytes.Equal(appendFolded(nil, respelled), once) {
					t.Fatalf("%q and %q are equal in letter case, but fold apart", s, respelled)
				}
			}
		}
		if !bytes.HasPrefix(appendFolded([]byte("before"), s), []byte("before")) {
			t.Fatal("what stood before was changed")
		}
	})
}

func TestEveryRuneFoldsWithItsCases(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if foldRune(r) != foldRune(unicode.SimpleFold(r)) || foldRune(foldRune(r)) != foldRune(r) {
			t.Fatalf("%U folds to %U, its next case %U to %U", r, foldRune(r), unicode.SimpleFold(r), foldRune(unicode.SimpleFold(r)))
		}
	}
}

func FuzzNetwork(f *testing.F) {
	for _, s := range []string{"203.0.113.9", "::ffff:203.0.113.9", "2001:db8::1", "64:ff9b::1.2.3.4", "fe80::1%x", "::"} {
		f.Add(netip.MustParseAddr(s).AsSlice(), 24, 48)
	}
	f.Fuzz(func(t *testing.T, raw []byte, v4, v6 int) {
		ip, ok := netip.AddrFromSlice(raw)
		if !ok || v4 < 1 || v4 > 32 || v6 < 1 || v6 > 128 {
			return // there are no such addresses and networks
		}
		got, ok := network(ip, v4, v6)
		if !ok {
			if !ip.Unmap().IsUnspecified() && ip != netip.MustParseAddr("64:ff9b::") {
				t.Fatalf("%v has no network", ip)
			}
			return
		}
		ip = ip.Unmap()
		if nat64.Contains(ip) {
			whole := ip.As16()
			ip = netip.AddrFrom4([4]byte(whole[12:]))
		}
		bits := v6
		if ip.Is4() {
			bits = v4
		}
		want, err := ip.Prefix(bits)
		if err != nil {
			t.Fatal(err)
		}
		if want.Addr().As16() != got {
			t.Fatalf("%v cut to %d bits is %v, want %v", ip, bits, got, want.Addr().As16())
		}
	})
}
