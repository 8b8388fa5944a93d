// Package strictjson checks the JSON that clients send before anything decodes it.
//
// encoding/json is generous: of repeated keys the last wins, keys match fields without case, broken
// text is replaced, null passes for an object. Two readers of one document can then see different
// things, which is how a role slips past a check. This package refuses such documents as a whole, so
// that what it lets through means the same to every reader. It decodes no values: [Object] hands out
// the members of the document as JSON, and encoding/json may read those safely.
//
// Refused is all that is not the grammar of RFC 8259, and further:
//
//   - a byte order mark, and any byte but JSON whitespace around the document;
//   - keys that occur twice in one object, also when they differ only in case or escaping
//     ([strings.EqualFold] of the unescaped keys);
//   - invalid UTF-8 and surrogate escapes that are not a pair;
//   - the character NUL anywhere, and control characters (C0, DEL, C1) in keys, written in any way;
//   - numbers beyond the range of float64 or longer than 64 characters;
//   - what goes beyond the [Limits].
//
// String values may hold escaped control characters other than NUL, and DEL and C1 as they are:
// JSON.stringify and encoding/json write these without escape. Numbers are checked, not rounded; a
// field that must be an integer of some range still has to say so.
//
// Time and memory are linear in the input whatever the limits are, and the stack does not grow with
// nesting. Nothing here panics or keeps state; all functions may run concurrently.
package strictjson

import "strconv"

// The defaults of Limits, from the limits of previous server halves (HTTP contract, section 8).
const (
	defaultDepth  = 5
	defaultKeys   = 50
	defaultItems  = 100
	defaultString = 1000
)

// maxNumber is the length limit of a number in characters.
const maxNumber = 64

// Limits bound a document. Zero fields mean the defaults: Depth 5, Keys 50, Items 100, String 1000
// (characters). Negative fields mean the defaults too, so that no mistake switches a limit off.
//
// Depth counts objects and arrays inside each other; that of {} is 1 and that of a scalar 0. Keys holds
// for each object, Items for each array. String holds for each key and string value and counts Unicode
// code points after unescaping.
type Limits struct{ Depth, Keys, Items, String int }

// withDefaults fills in the fields that are not set.
func (l Limits) withDefaults() Limits {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&l.Depth, defaultDepth)
	set(&l.Keys, defaultKeys)
	set(&l.Items, defaultItems)
	set(&l.String, defaultString)
	return l
}

// Member is one member of an object, in document order. Raw is its value's JSON, a sub-slice of the
// input, without surrounding space. Name is unescaped and a copy, so it outlives the input; a caller
// that keeps Raw beyond the life of the input has to copy it.
type Member struct {
	Name string
	Raw  []byte
}

// SyntaxError says why and where a document was refused. It is the only error type of this package.
// It repeats nothing of the input and may therefore be shown and logged.
type SyntaxError struct {
	Offset  int    // bytes before the place where the problem was noticed
	Problem string // one of a fixed set of phrases
}

// Error returns the problem and its place.
func (e *SyntaxError) Error() string {
	return "json: " + e.Problem + " at byte " + strconv.Itoa(e.Offset)
}

// The phrases of SyntaxError.Problem.
const (
	problemBOM        = "byte order mark"
	problemEnd        = "unexpected end"
	problemUnexpected = "unexpected character"
	problemTrailing   = "data after the document"
	problemNotObject  = "not an object"
	problemRepeated   = "repeated key"
	problemUTF8       = "invalid UTF-8"
	problemSurrogate  = "unpaired surrogate"
	problemEscape     = "invalid escape"
	problemControl    = "control character in a string"
	problemKeyControl = "control character in a key"
	problemNUL        = "NUL character"
	problemNumber     = "malformed number"
	problemLongNumber = "number too long"
	problemRange      = "number out of range"
	problemDepth      = "nested too deep"
	problemKeys       = "too many keys"
	problemItems      = "too many items"
	problemString     = "string too long"
)

// Object checks the whole document strictly and returns the members of its top-level object. Members
// are never returned with an error. For {} they are an empty slice.
func Object(b []byte, l Limits) ([]Member, error) {
	s := scanner{b: b, lim: l.withDefaults()}
	if err := s.document(true); err != nil {
		return nil, err
	}
	members := make([]Member, s.keys.n)
	for i, k := range s.keys.all() {
		members[i] = Member{Name: k.unescape(b), Raw: b[k.value:k.valueEnd:k.valueEnd]}
	}
	return members, nil
}

// Value checks one JSON value of any kind by the same rules (used for stored/hand-made values).
func Value(b []byte, l Limits) error {
	s := scanner{b: b, lim: l.withDefaults()}
	return s.document(false)
}
