package audit

import (
	"fmt"
	"log/slog"
	"reflect"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// Masker is implemented by a type whose values must not be written down as they are, wherever they
// turn up in a [nguard.Change]. MaskAudit returns what is written in their place: [nguard.Redacted],
// or a part that may be shown, such as the last four digits. Every sink of this package asks it; a
// value that only contains a Masker is replaced by [nguard.Redacted] as a whole, as is one whose
// MaskAudit panics (ASVS 16.2.5). MaskAudit is called by many goroutines at once.
type Masker interface {
	MaskAudit() any
}

// Secret is a text that shows as "[redacted]" in every audit record, in fmt, in log/slog and in JSON.
// Convert it to a string to use it. The zero value is an empty secret, which shows the same.
type Secret string

const redacted = "[redacted]"

// MaskAudit returns [nguard.Redacted].
func (Secret) MaskAudit() any { return nguard.Redacted{} }

// String returns "[redacted]".
func (Secret) String() string { return redacted }

// MarshalText returns "[redacted]".
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "[redacted]".
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format writes "[redacted]" for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// mask returns v, or what its type wants written instead.
func mask(v any) (out any) {
	if scalar(v) {
		return v
	}
	defer func() {
		if recover() != nil {
			out = nguard.Redacted{}
		}
	}()
	if m, ok := v.(Masker); ok {
		v = m.MaskAudit()
		if scalar(v) {
			return v
		}
	}
	if holds(v, masks) {
		return nguard.Redacted{}
	}
	return v
}

// scalar reports whether v is of a type that nobody can have given a meaning of its own.
func scalar(v any) bool {
	switch v.(type) {
	case nil, string, bool, int, int64, float64, time.Time, nguard.Redacted:
		return true
	}
	return false
}

func masks(t reflect.Type) bool {
	masker := reflect.TypeFor[Masker]()
	return t.Implements(masker) || reflect.PointerTo(t).Implements(masker)
}

// holds reports whether v is, or leads to, a value whose type matches. It looks into unexported
// fields as well, and what it cannot finish looking through counts as a match.
func holds(v any, match func(reflect.Type) bool) bool {
	budget := 10_000
	return walk(reflect.ValueOf(v), match, 32, &budget)
}

func walk(v reflect.Value, match func(reflect.Type) bool, depth int, budget *int) bool {
	if !v.IsValid() {
		return false
	}
	if *budget--; depth == 0 || *budget < 0 || match(v.Type()) {
		return true
	}
	deeper := func(v reflect.Value) bool { return walk(v, match, depth-1, budget) }
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return deeper(v.Elem())
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return false
		}
		for i := range v.NumField() {
			if deeper(v.Field(i)) {
				return true
			}
		}
	case reflect.Slice, reflect.Array:
		if elem := v.Type().Elem(); elem.Kind() <= reflect.Complex128 || elem.Kind() == reflect.String {
			return match(elem)
		}
		for i := range v.Len() {
			if deeper(v.Index(i)) {
				return true
			}
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if deeper(it.Key()) || deeper(it.Value()) {
				return true
			}
		}
	}
	return false
}
