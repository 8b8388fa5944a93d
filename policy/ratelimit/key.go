package ratelimit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"unicode"
	"unicode/utf8"

	nguard "github.com/nguard-go/nguard/core"
)

// ErrMissing says that the caller lacks a part that a rule counts by: nobody signed in, no account
// named, no usable address. Strangers without an address never share a bucket. [FailOpen] and
// [Fallback] pass it on.
var ErrMissing = errors.New("ratelimit: the caller lacks a part that the rule counts by")

// keySize is room for most keys, so that they are built on the stack.
const keySize = 96

// Key is what identifies c under a rule that was checked: two callers have the same bytes exactly when the rule counts
// them together. It fails with [ErrMissing] when c lacks a part that the rule counts by. The bytes hold names and
// addresses in clear; hash them before they go anywhere.
func (r Rule) Key(c nguard.Caller) ([]byte, error) { return r.appendKey(nil, &c) }

// appendKey appends what identifies c under the rule. Two callers have the same bytes exactly when
// the rule counts them together: the address comes first and has 16 bytes, the user's length comes
// before the user when an account follows.
func (r *Rule) appendKey(dst []byte, c *nguard.Caller) ([]byte, error) {
	if r.By&IP != 0 {
		network, ok := network(c.IP, r.V4, r.V6)
		if !ok {
			return nil, fmt.Errorf("ratelimit: rule %q: no address: %w", r.Name, ErrMissing)
		}
		dst = append(dst, network[:]...)
	}
	if r.By&User != 0 {
		if c.User == "" {
			return nil, fmt.Errorf("ratelimit: rule %q: no user: %w", r.Name, ErrMissing)
		}
		if r.By&Account != 0 {
			dst = binary.AppendUvarint(dst, uint64(len(c.User)))
		}
		dst = append(dst, c.User...)
	}
	if r.By&Account != 0 {
		if c.Account == "" {
			return nil, fmt.Errorf("ratelimit: rule %q: no account: %w", r.Name, ErrMissing)
		}
		dst = appendFolded(dst, c.Account)
	}
	return dst, nil
}

// nat64 is the well-known prefix of RFC 6052: a service on IPv6 alone sees all of IPv4 in it.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// network cuts an address to its prefix, in the 16-byte form. IPv4 keeps its own addresses whichever
// way it is written, mapped into IPv6 or translated by the well-known prefix (checklist I6); zones
// are dropped (I3). The unspecified address is nobody's.
func network(ip netip.Addr, v4, v6 int) (bytes [16]byte, ok bool) {
	ip = ip.Unmap()
	if ip.Is6() && nat64.Contains(ip) {
		whole := ip.As16()
		ip = netip.AddrFrom4([4]byte(whole[12:]))
	}
	if !ip.IsValid() || ip.IsUnspecified() {
		return bytes, false
	}
	bytes = ip.As16()
	keep := v6
	if ip.Is4() {
		keep = 96 + v4
	}
	for i := keep / 8; i < 16; i++ {
		if i == keep/8 {
			bytes[i] &^= 0xff >> (keep % 8)
			continue
		}
		bytes[i] = 0
	}
	return bytes, true
}

// FoldAccount is the one spelling by which rules keyed by account count a name. An Authenticator's Identify
// that compares names by it finds a known account under every spelling that shares its count; comparing by
// another rule would let the count tell which accounts exist.
func FoldAccount(name string) string { return string(appendFolded(nil, name)) }

// appendFolded appends an account's name so that spellings that people, databases and mail systems
// take for one another share one count (checklist I7): letter case is folded as strings.EqualFold
// does, white space is dropped at the ends and becomes one space inside, control and invisible
// format characters are dropped, bytes that are not UTF-8 become the replacement character.
//
// Composed and decomposed accents, full-width letters and look-alikes stay apart: the standard
// library has no table for them. An Authenticator's Identify, which knows how the users table
// compares names, settles those. Folding too much is harmless here: two accounts would share a
// count, never a session. Names made of white space alone are nobody's and share one count.
func appendFolded(dst []byte, s string) []byte {
	if plain(s) {
		return append(dst, s...)
	}
	start, gap := len(dst), false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			gap = len(dst) > start
		case unicode.In(r, unicode.Cc, unicode.Cf):
		default:
			if gap {
				dst, gap = append(dst, ' '), false
			}
			dst = utf8.AppendRune(dst, foldRune(r))
		}
	}
	return dst
}

// plain reports whether s is printable ASCII without capitals and spaces, as most names are: folding
// would change nothing.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c-'A' <= 'Z'-'A' {
			return false
		}
	}
	return true
}

// foldRune picks one rune for all that differ in letter case alone.
func foldRune(r rune) rune {
	lowest := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		lowest = min(lowest, next)
	}
	if 'A' <= lowest && lowest <= 'Z' {
		lowest += 'a' - 'A'
	}
	return lowest
}
