package nguard

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
)

// CookieStore is offered by a store whose tokens hold what a session consists of, itself or behind Unwrap.
// Such a token belongs to one cookie and may be long; [New] holds both against Config.Cookie.
type CookieStore interface {
	// CookieName is the cookie that the tokens are made for, prefix included, such as
	// "__Host-nguard-session": they are refused in every other (checklist C13).
	CookieName() string
	// MaxToken is the greatest length of a token in bytes, at most [MaxCookieToken]. Up to 3800 one cookie
	// carries it; a longer one is spread over cookies of the same name with "-2", "-3" and so on behind it.
	MaxToken() int
}

// MaxCookieToken bounds the tokens of a [CookieStore]: together with what else a browser sends they must
// pass servers that take 16 KiB of headers.
const MaxCookieToken = 12 << 10

// maxCookieValue is what one cookie carries. Browsers take 4096 bytes of name and value together (RFC
// 6265bis), and a name has at most 73.
const maxCookieValue = 3800

// A part is "~i.n.tag.data": the i-th of n, of the token whose digest begins with the tag. No token begins
// with a tilde, and RFC 6265 allows one in a value.
const (
	partMark = "~"
	tagBytes = 8
	partHead = len("~1.4..") + tagBytes/3*4 + 3
	partData = maxCookieValue - partHead
)

// fit makes the codec carry the tokens of s, if they live in the cookie.
func (c *cookieCodec) fit(s Store) error {
	own, ok := Ability[CookieStore](s)
	if !ok {
		return nil
	}
	if name := own.CookieName(); name != c.name {
		return fmt.Errorf("nguard: Config.Cookie makes the cookie %q, but Config.Store seals for %q: give the store the first, or change Config.Cookie", c.name, name)
	}
	longest := own.MaxToken()
	if longest < 1 || longest > MaxCookieToken {
		return fmt.Errorf("nguard: Config.Store has tokens of up to %d bytes: it must bound them by at most %d", longest, MaxCookieToken)
	}
	c.holds = true
	if longest <= maxCookieValue {
		return nil
	}
	c.parts = []string{c.name}
	for len(c.parts)*partData < longest {
		c.parts = append(c.parts, c.name+"-"+strconv.Itoa(len(c.parts)+1))
	}
	return nil
}

// splitToken is the values of the cookies that carry a token.
func splitToken(token string) []string {
	if len(token) <= maxCookieValue {
		return []string{token}
	}
	n := (len(token) + partData - 1) / partData
	values, tag := make([]string, n), tagOf(token)
	for i := range values {
		data := token[i*partData : min((i+1)*partData, len(token))]
		values[i] = fmt.Sprintf("%s%d.%d.%s.%s", partMark, i+1, n, tag, data)
	}
	return values
}

// tagOf tells parts of one token from those of another. That they were not tampered with is for the store
// to find out, as with any token.
func tagOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return tokenEncoding.EncodeToString(sum[:tagBytes])
}

// readParts is read where a token may stand in several cookies. Either all that is there makes one token,
// or nothing of it counts (checklist C15): a browser that has dropped one of them, or holds parts of two
// tokens, must not be read as half a session.
func (c *cookieCodec) readParts(lines []string) (s shown) {
	values := make([]string, len(c.parts))
	found := false
	for i, name := range c.parts {
		one := cookieCodec{name: name}
		got := one.read(lines)
		if got.tooLarge || got.several {
			return shown{tooLarge: got.tooLarge, several: got.several}
		}
		values[i] = got.value
		found = found || got.value != ""
	}
	if !found {
		return shown{}
	}
	token, ok := joinToken(values)
	if !ok {
		return shown{broken: true}
	}
	return shown{value: token}
}

// joinToken is the inverse of splitToken; values has an empty string for each cookie that is not there.
func joinToken(values []string) (string, bool) {
	var (
		token strings.Builder
		tag   string
		n     = 1
	)
	for i, v := range values {
		if i >= n {
			if v != "" {
				return "", false
			}
			continue
		}
		if i == 0 && v != "" && !strings.HasPrefix(v, partMark) {
			token.WriteString(v) // short enough for one cookie
			continue
		}
		fields := strings.SplitN(strings.TrimPrefix(v, partMark), ".", 4)
		if len(fields) != 4 || !strings.HasPrefix(v, partMark) || fields[0] != strconv.Itoa(i+1) {
			return "", false
		}
		if i == 0 {
			count, err := strconv.Atoi(fields[1])
			if err != nil || count < 2 || count > len(values) || strconv.Itoa(count) != fields[1] {
				return "", false
			}
			n, tag = count, fields[2]
		} else if fields[1] != strconv.Itoa(n) || fields[2] != tag {
			return "", false
		}
		token.WriteString(fields[3])
	}
	whole := token.String()
	if n > 1 && tagOf(whole) != tag || strings.HasPrefix(whole, partMark) {
		return "", false
	}
	return whole, true
}
