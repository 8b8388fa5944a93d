package browsertest

import (
	"net/netip"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

// forged is what a stranger writes to seem another one, from another place.
var forged = []string{"X-Forwarded-For: 203.0.113.9", "X-Real-Ip: 203.0.113.9", "Forwarded: for=203.0.113.9;proto=https;host=evil.example", "X-Forwarded-Proto: https",
	"X-Forwarded-Protocol: https", "X-Forwarded-Ssl: on", "X-Url-Scheme: https", "X-Forwarded-Host: evil.example", "X-Client-Ip: 203.0.113.9", "Cf-Connecting-Ip: 203.0.113.9"}

// FromAnybody asks an application of a guard that trusts no proxy, in which "/" says who it is, "/ip" from where, and
// "/admin" is for admins: no header changes the address, or the scheme and host that an Origin is compared with. It
// returns the answer of "/ip", in which the application says what the framework itself believes.
func FromAnybody(t *testing.T, serve func(*nguard.Guard) *Client) Reply {
	t.Helper()
	sink := make(Events, 1000)
	g := NewGuard(t, sink.Option)
	c := serve(g).SignIn(g, "bob")
	a := c.Get("/ip", forged...).Expect(200).Says("127.0.0.1")
	c.Get("/admin", forged...).Refused(403, "forbidden")
	if e := sink.Next(t, nguard.EventAuthzFail); e.IP != "127.0.0.1" {
		t.Errorf("the record says %s", e.IP)
	}
	c.Do("POST", "/", "", append(forged, "Origin: "+c.Base)...).Expect(200)
	for _, origin := range []string{"https://" + c.Host, "https://evil.example", "http://evil.example"} {
		c.Do("POST", "/", "", append(forged, "Origin: "+origin)...).Refused(403, "cross_origin")
	}
	return a
}

// FromProxy asks the same application of a guard that trusts its peer: the address is the rightmost that is no proxy,
// and Forwarded and X-Real-IP are not read.
func FromProxy(t *testing.T, serve func(*nguard.Guard) *Client) {
	t.Helper()
	sink := make(Events, 1000)
	g := NewGuard(t, sink.Option, func(c *nguard.Config) {
		c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8")}
	})
	c := serve(g).SignIn(g, "bob")
	w := c.Dial()
	for _, test := range []struct {
		lines []string
		want  string
	}{
		{forged, "203.0.113.9"},
		{[]string{"X-Forwarded-For: 198.51.100.7, 203.0.113.9, 10.1.1.1"}, "203.0.113.9"},
		{[]string{"X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 198.51.100.7"}, "198.51.100.7"},
		{[]string{"X-Forwarded-For: 198.51.100.7", "x-forwarded-for: 203.0.113.9 , 10.1.1.1"}, "203.0.113.9"},
		{[]string{"X-Forwarded-For: 198.51.100.7, junk, 10.1.1.1"}, "10.1.1.1"},
		{[]string{"X-Real-Ip: 203.0.113.9", "Forwarded: for=203.0.113.9"}, "127.0.0.1"},
		{[]string{"X-Forwarded-For: 2001:db8::7"}, "2001:db8::7"},
	} {
		w.Do("GET", "/ip", "", test.lines...).Expect(200).Says(test.want)
	}
	c.Get("/admin", append(forged, "X-Request-Id: of-the-proxy")...).Refused(403, "forbidden")
	if e := sink.Next(t, nguard.EventAuthzFail); e.IP != "203.0.113.9" || e.RequestID != "of-the-proxy" {
		t.Errorf("the record says %s, %s", e.IP, e.RequestID)
	}
	c.Do("POST", "/", "", "X-Forwarded-Proto: https", "Origin: https://"+c.Host).Expect(200)
	c.Do("POST", "/", "", "X-Forwarded-Proto: https", "Origin: http://"+c.Host).Refused(403, "cross_origin")
	c.Do("POST", "/", "", append(forged, "Origin: https://evil.example")...).Refused(403, "cross_origin")
	c.Get("/", "X-Forwarded-Proto: http").Refused(403, "https_required")
}
