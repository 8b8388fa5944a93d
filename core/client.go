package nguard

import (
	"net/netip"
	"strings"
)

// proxies decides which part of what a request says about its origin counts. No forwarded header is
// believed unless the peer is a configured proxy; then X-Forwarded-For is read from the right and the
// first address that is no proxy is the client (checklist I1 to I4). One rule for all adapters.
type proxies []netip.Prefix

func (p proxies) trusts(a netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// peer reports whether the request came through a proxy that counts.
func (p proxies) peer(x Exchange) bool {
	return len(p) > 0 && p.trusts(x.Peer().Unmap().WithZone(""))
}

// client returns the address of the person, without zone and with mapped IPv4 unmapped.
func (p proxies) client(x Exchange) netip.Addr {
	peer := x.Peer().Unmap().WithZone("")
	if !p.trusts(peer) {
		return peer
	}
	lines := x.Header("X-Forwarded-For")
	hop := peer
	for i := len(lines) - 1; i >= 0; i-- {
		rest := lines[i]
		for rest != "" {
			var part string
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				rest, part = rest[:comma], rest[comma+1:]
			} else {
				rest, part = "", rest
			}
			a, ok := parseHop(part)
			if !ok {
				return hop // what stands left of junk was not written by a proxy of ours
			}
			if hop = a; !p.trusts(a) {
				return hop
			}
		}
	}
	return hop
}

func parseHop(s string) (netip.Addr, bool) {
	s = strings.Trim(s, " \t")
	if len(s) > 64 {
		return netip.Addr{}, false
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return a.Unmap().WithZone(""), err == nil
}

// scheme returns "https" or "http" as the client used it, and whether that is certain: behind a proxy
// that is not configured, a plain connection proves nothing.
func (p proxies) scheme(x Exchange, l Line) (scheme string, certain bool) {
	if l.TLS {
		return "https", true
	}
	if p.peer(x) {
		if lines := x.Header("X-Forwarded-Proto"); len(lines) == 1 {
			switch strings.ToLower(strings.TrimSpace(lines[0])) {
			case "https":
				return "https", true
			case "http":
				return "http", true
			}
		}
	}
	return "http", false
}
