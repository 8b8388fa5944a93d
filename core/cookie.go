package nguard

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// SameSite is the attribute of that name. The zero value is Lax: it is always sent explicitly, since a
// missing one lets some browsers send young cookies with cross-site POSTs (ASVS 3.3.2).
type SameSite uint8

// The values. None is refused by New unless Cookie.CrossSite gives the reason.
const (
	SameSiteLax SameSite = iota
	SameSiteStrict
	SameSiteNone
)

func (s SameSite) String() string { return [...]string{"Lax", "Strict", "None"}[s] }

// Cookie says how the token travels. The zero value is the safest: "__Host-nguard-session", Secure,
// HttpOnly, Path=/, SameSite=Lax, no Domain (ASVS 3.3.1 to 3.3.4). Browsers store it on
// http://localhost too.
type Cookie struct {
	// Name without prefix; defaults to "nguard-session". The prefix is added: "__Host-", "__Secure-" with
	// a Domain, none when Insecure.
	Name string
	// Domain shares the cookie with subdomains. Every host below it can then set one of that name.
	Domain string
	// SameSite defaults to Lax.
	SameSite SameSite
	// CrossSite is the reason why SameSite is None, for the next reader; without one, None is refused.
	CrossSite string
	// Insecure is for development over plain http to another host than localhost, and for the oldest
	// clients: no Secure attribute, no prefix.
	Insecure bool
}

// cookieCodec writes and finds the session cookie.
type cookieCodec struct {
	name, attributes string
	secure           bool
	holds            bool     // the store keeps values in it
	parts            []string // names, the first included, when a token may need several cookies; else nil
}

func newCookieCodec(c Cookie) (*cookieCodec, error) {
	name := c.Name
	if name == "" {
		name = "nguard-session"
	}
	if strings.Trim(name, tokenChars) != "" || len(name) > 64 {
		return nil, errors.New("nguard: Config.Cookie.Name: use 1 to 64 letters, digits, '-' or '_'")
	}
	if strings.HasPrefix(name, "__") {
		return nil, errors.New("nguard: Config.Cookie.Name: leave out the prefix, it follows from Domain and Insecure")
	}
	if c.SameSite > SameSiteNone {
		return nil, errors.New("nguard: Config.Cookie.SameSite: use SameSiteLax, SameSiteStrict or SameSiteNone")
	}
	if c.SameSite == SameSiteNone && (c.Insecure || c.CrossSite == "") {
		return nil, errors.New("nguard: Config.Cookie.SameSite: None needs a Secure cookie and a reason in CrossSite")
	}
	if strings.Trim(c.Domain, tokenChars+".") != "" || strings.HasPrefix(c.Domain, ".") || len(c.Domain) > 253 {
		return nil, errors.New("nguard: Config.Cookie.Domain: use a host name such as example.com")
	}
	attributes := "; Path=/"
	if c.Domain != "" {
		attributes += "; Domain=" + c.Domain
	}
	if !c.Insecure {
		attributes += "; Secure"
		if c.Domain == "" {
			name = "__Host-" + name
		} else {
			name = "__Secure-" + name
		}
	}
	attributes += "; HttpOnly; SameSite=" + c.SameSite.String()
	return &cookieCodec{name: name, attributes: attributes, secure: !c.Insecure}, nil
}

const tokenChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// line is the Set-Cookie value that gives the browser a value of this name. Only remembered sessions carry
// a lifetime; the server's own deadline rules in any case.
func (c *cookieCodec) line(name, value string, s *Session, now time.Time) string {
	if !s.Remembered() {
		return name + "=" + value + c.attributes
	}
	left := s.Expires().Sub(now)
	const longest = 400 * 24 * time.Hour // browsers cut it there (RFC 6265bis)
	if left > longest {
		left = longest
	}
	return fmt.Sprintf("%s=%s%s; Max-Age=%d; Expires=%s", name, value, c.attributes,
		int64(left/time.Second), now.Add(left).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"))
}

// clear is the line that browsers obey as a deletion: name, Path, Domain and Secure as they were set.
func (c *cookieCodec) clear(name string) string {
	return name + "=" + c.attributes + "; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
}

// give hands a token to the browser, in one cookie or in several.
func (c *cookieCodec) give(x Exchange, token string, s *Session, now time.Time) {
	if c.parts == nil {
		x.SetCookie(c.name, c.line(c.name, token, s, now))
		return
	}
	values := splitToken(token)
	for i, name := range c.parts { // all of them, each time: nothing of an earlier token is left standing
		if i < len(values) {
			x.SetCookie(name, c.line(name, values[i], s, now))
		} else {
			x.SetCookie(name, c.clear(name))
		}
	}
}

// take takes the token from the browser.
func (c *cookieCodec) take(x Exchange) {
	x.SetCookie(c.name, c.clear(c.name))
	for _, name := range c.parts {
		x.SetCookie(name, c.clear(name))
	}
}

// maxCookieHeader bounds how many bytes of Cookie lines are looked at, and how many pairs.
const (
	maxCookieHeader = 16 << 10
	maxCookiePairs  = 300
)

// shown is what a request carries under the session cookie's name.
type shown struct {
	value    string
	several  bool // two different values: nobody can know which is the victim's (checklist C7)
	broken   bool // parts of a token that do not make one (checklist C15)
	tooLarge bool
}

// read finds the one value of the session cookie. The name must match to the byte, so that look-alikes
// that a sibling host can set are not taken for it (checklist C8). An empty value is no cookie. Nothing
// is decoded: a token has one spelling.
func (c *cookieCodec) read(lines []string) (s shown) {
	if c.parts != nil {
		return c.readParts(lines)
	}
	size, pairs := 0, 0
	for _, line := range lines {
		if size += len(line); size > maxCookieHeader {
			return shown{tooLarge: true}
		}
		for line != "" {
			if pairs++; pairs > maxCookiePairs {
				return shown{tooLarge: true}
			}
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			pair = strings.Trim(pair, " \t")
			if len(pair) <= len(c.name) || pair[len(c.name)] != '=' || pair[:len(c.name)] != c.name {
				continue
			}
			value := pair[len(c.name)+1:]
			switch {
			case value == "":
			case s.value == "":
				s.value = value
			case s.value != value:
				s.several = true
			}
		}
	}
	return s
}

func seconds(d time.Duration) string {
	return strconv.FormatInt(max(1, int64((d+time.Second-1)/time.Second)), 10)
}
