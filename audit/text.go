package audit

import (
	"strconv"
	"unicode"
	"unicode/utf8"
)

// How much of one text is written down. What an escape adds comes on top.
const (
	maxText    = 1024 // a field of the event
	maxValue   = 4096 // one value of a change
	maxChanges = 128  // changes of one event
)

// printable returns s as text that a terminal, a log viewer and a line-based tool show as it is. For
// sinks whose own encoding cannot be told what to escape.
func printable(s string) string {
	if len(s) <= maxText && plain(s) {
		return s
	}
	return string(appendText(nil, s, maxText, false))
}

// plain reports whether s is printable ASCII.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// appendText appends at most max bytes of s, escaped. Quoted text is the inside of a JSON string.
func appendText(dst []byte, s string, max int, quoted bool) []byte {
	cut := 0
	if len(s) > max {
		end := max
		for end > max-utf8.UTFMax && !utf8.RuneStart(s[end]) {
			end--
		}
		s, cut = s[:end], len(s)-end
	}
	for i := 0; i < len(s); {
		b := s[i]
		if b < utf8.RuneSelf {
			i++
			switch {
			case quoted && (b == '"' || b == '\\'):
				dst = append(dst, '\\', b)
			case b == '\n':
				dst = append(dst, '\\', 'n')
			case b == '\r':
				dst = append(dst, '\\', 'r')
			case b == '\t':
				dst = append(dst, '\\', 't')
			case b < ' ' || b == 0x7f:
				dst = appendUnit(dst, uint16(b))
			default:
				dst = append(dst, b)
			}
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			if quoted {
				dst = append(dst, '\\')
			}
			dst = append(dst, '\\', 'x', hex[b>>4], hex[b&15])
		case invisible(r):
			dst = appendRune(dst, r)
		default:
			dst = append(dst, s[i:i+size]...)
		}
		i += size
	}
	if cut > 0 {
		dst = append(dst, "…[+"...)
		dst = strconv.AppendInt(dst, int64(cut), 10)
		dst = append(dst, " bytes]"...)
	}
	return dst
}

// invisible reports whether r shows as nothing, or changes how its neighbours show: controls, U+0085,
// U+2028, bidirectional and zero-width characters, fillers, and whatever Unicode has not assigned.
func invisible(r rune) bool {
	return !unicode.IsPrint(r) ||
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

const hex = "0123456789abcdef"

func appendUnit(dst []byte, u uint16) []byte {
	return append(dst, '\\', 'u', hex[u>>12], hex[u>>8&15], hex[u>>4&15], hex[u&15])
}

func appendRune(dst []byte, r rune) []byte {
	if r < 0x10000 {
		return appendUnit(dst, uint16(r))
	}
	r -= 0x10000
	return appendUnit(appendUnit(dst, uint16(0xd800+r>>10)), uint16(0xdc00+r&0x3ff))
}
