package jwtcodec

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// latest is the end of the year 9999: a time beyond it is one in milliseconds.
const latest = 253402300799

// longest is how long browsers keep a cookie at most (RFC 6265bis), and so the longest session that a token from
// elsewhere can be about.
const longest = 400 * 24 * time.Hour

// wellFormed holds verified claims to the contract. The library is lenient about the forms of times and of
// audiences, where other readers of the same token would see something else (checklist D6, D7).
func (c *Codec) wellFormed(claims jwt.MapClaims) bool {
	for _, name := range []string{"exp", "iat", "nbf"} {
		v, present := claims[name]
		if !present && name == "nbf" {
			continue
		}
		if n, ok := whole(v); !ok || n > latest {
			return false
		}
	}
	if _, own := claims["sealed"]; !own && seconds(claims["exp"]).Sub(seconds(claims["iat"])) > longest {
		return false // how long a session of this server lives, its guard has decided
	}
	for name, want := range map[string]string{"iss": c.issuer, "aud": c.audience} {
		v, present := claims[name]
		if s, ok := v.(string); present != (want != "") || present && (!ok || s != want) {
			return false
		}
	}
	id, ok := claims["sessionId"].(string)
	if sealed, present := claims["sealed"]; present {
		if _, text := sealed.(string); !text || sealed == "" {
			return false
		}
	}
	return ok && len(id) == 64 && strings.Trim(id, "0123456789abcdef") == ""
}

// whole reads a number of seconds in its one spelling.
func whole(v any) (int64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	i, err := strconv.ParseInt(string(n), 10, 64)
	return i, err == nil && i > 0 && strconv.FormatInt(i, 10) == string(n)
}

func seconds(v any) time.Time {
	n, _ := whole(v)
	return time.Unix(n, 0).UTC()
}

// repeats says whether an object anywhere in a document names a member twice: one reader takes the first,
// another the last (checklist D9). Something behind the document counts as well.
func repeats(raw []byte) bool {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var open []map[string]bool // of each object and array around; nil for an array
	name := false              // the next token is a name
	for first := true; ; first = false {
		t, err := d.Token()
		if err != nil {
			return err != io.EOF
		}
		if !first && len(open) == 0 {
			return true
		}
		switch t := t.(type) {
		case json.Delim:
			switch t {
			case '{':
				open = append(open, map[string]bool{})
			case '[':
				open = append(open, nil)
			default:
				open = open[:len(open)-1]
			}
		case string:
			if name {
				seen := open[len(open)-1]
				if seen[t] {
					return true
				}
				seen[t] = true
				name = false
				continue
			}
		}
		name = len(open) > 0 && open[len(open)-1] != nil
	}
}
