package nguard

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// origins refuses writes from other sites, by Fetch metadata and Origin (ASVS 3.5.1, checklist group
// H). It is stricter than http.CrossOriginProtection: a foreign Origin is refused whatever
// Sec-Fetch-Site says, repeated headers are refused, "null" never passes, schemes must agree, and a
// request with the session cookie but neither header is refused, since every browser that is still in
// use sends one of them with a write.
type origins struct {
	allowed map[string]bool // nil: the request's own host is the only one
	proxies proxies
}

func newOrigins(list []string, p proxies) (*origins, error) {
	o := &origins{proxies: p}
	for _, s := range list {
		u, err := url.Parse(s)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.Scheme+"://"+u.Host != s ||
			strings.ContainsAny(u.Host, "*@") || strings.HasSuffix(u.Hostname(), ".") || s != strings.ToLower(s) || neverSent(u) {
			return nil, fmt.Errorf("nguard: Config.Origins: %q: use the form https://app.example.com, in lower case, without path, wildcard or default port, and names in ASCII (xn--...)", s)
		}
		if o.allowed == nil {
			o.allowed = map[string]bool{}
		}
		o.allowed[s] = true
	}
	for origin := range o.allowed {
		if rest, ok := strings.CutPrefix(origin, "http://"); ok && o.allowed["https://"+rest] {
			return nil, fmt.Errorf("nguard: Config.Origins: %q is the unencrypted twin of an https origin: remove it", origin)
		}
	}
	return o, nil
}

var errOrigin = errors.New("origin headers do not prove that the request is the application's own")

// neverSent reports origins that no browser sends in this spelling, so that they would never match: with a
// default port, with more than one, or with a name that is not ASCII.
func neverSent(u *url.URL) bool {
	return u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80" || strings.HasSuffix(u.Host, ":") ||
		strings.Contains(u.Hostname(), ":") && !strings.HasPrefix(u.Host, "[") || !plain(u.Host)
}

// check passes safe methods, except a WebSocket handshake: that is a GET which opens a channel with the
// person's authority (ASVS 4.4.2).
func (o *origins) check(x Exchange, l Line, cookie bool) error {
	if safeMethod(l.Method) && !isUpgrade(x) {
		return nil
	}
	return o.proven(x, l, cookie)
}

// proven refuses what a request's headers say, or with a cookie do not say, of where it comes from, whatever
// its method.
func (o *origins) proven(x Exchange, l Line, cookie bool) error {
	site, origin := x.Header("Sec-Fetch-Site"), x.Header("Origin")
	if len(site) > 1 || len(origin) > 1 {
		return fmt.Errorf("%w: %w: repeated header", ErrCrossOrigin, errOrigin)
	}
	if len(origin) == 1 && !o.own(x, l, origin[0]) {
		return fmt.Errorf("%w: %w: foreign Origin", ErrCrossOrigin, errOrigin)
	}
	switch {
	case len(site) == 1:
		if site[0] == "same-origin" || site[0] == "none" || (len(origin) == 1 && o.allowed[origin[0]]) {
			return nil
		}
		return fmt.Errorf("%w: %w: Sec-Fetch-Site", ErrCrossOrigin, errOrigin)
	case len(origin) == 0 && cookie:
		return fmt.Errorf("%w: %w: a session cookie without Origin and Sec-Fetch-Site", ErrCrossOrigin, errOrigin)
	}
	return nil
}

func (o *origins) own(x Exchange, l Line, origin string) bool {
	if o.allowed != nil {
		return o.allowed[origin]
	}
	scheme, _ := o.proxies.scheme(x, l)
	// ToLower folds letters beyond ASCII into ASCII ones (the Kelvin sign is a k), and no host has them, nor
	// the @ that fasthttp lets pass.
	return l.Host != "" && plain(l.Host) && !strings.Contains(l.Host, "@") && origin == scheme+"://"+strings.ToLower(l.Host)
}

func safeMethod(m string) bool { return m == "GET" || m == "HEAD" || m == "OPTIONS" || m == "TRACE" }

func isUpgrade(x Exchange) bool {
	for _, line := range x.Header("Upgrade") {
		if strings.Contains(strings.ToLower(line), "websocket") {
			return true
		}
	}
	return false
}
