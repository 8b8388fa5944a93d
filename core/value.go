package nguard

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
)

// Stored values have one of five forms: string, bool, int64, float64 and json.RawMessage for all that
// is not a scalar. Scalars are kept as they are, so that reading one allocates nothing; the rest stays
// JSON until a field with a type reads it, which is a copy each time. A field that no running version
// declares keeps its form and is written back unchanged (rolling deploys).

// storedForm converts v to its stored form. Values that JSON cannot express are an error.
func storedForm(v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return json.RawMessage("null"), nil
	case string, bool, int64:
		return v, nil
	case int:
		return int64(v), nil
	case float64:
		return finite(v)
	case json.RawMessage:
		if !json.Valid(v) {
			return nil, fmt.Errorf("not valid JSON")
		}
		return append(json.RawMessage(nil), v...), nil
	}
	rv := reflect.ValueOf(v)
	switch rv.Kind() {
	case reflect.String:
		return rv.String(), nil
	case reflect.Bool:
		return rv.Bool(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return rv.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if rv.Uint() > math.MaxInt64 {
			return nil, fmt.Errorf("above %d", int64(math.MaxInt64))
		}
		return int64(rv.Uint()), nil
	case reflect.Float32, reflect.Float64:
		return finite(rv.Float())
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return json.RawMessage(raw), nil
}

// scalar reports whether values of a kind are kept as they are.
func scalar(k reflect.Kind) bool {
	return k == reflect.String || k >= reflect.Bool && k <= reflect.Float64 && k != reflect.Uintptr
}

func finite(f float64) (any, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, fmt.Errorf("not a finite number")
	}
	return f, nil
}

// equalStored compares two stored forms. JSON is compared by its bytes: a rewrite of the same value in
// another spelling is a change, which is harmless.
func equalStored(a, b any) bool {
	ra, ok := a.(json.RawMessage)
	if rb, also := b.(json.RawMessage); ok || also {
		return ok && also && string(ra) == string(rb)
	}
	return a == b
}

// sizeOf is what a stored form costs in the record, roughly.
func sizeOf(v any) int {
	switch v := v.(type) {
	case string:
		return len(v) + 2
	case json.RawMessage:
		return len(v) + 2
	}
	return 9
}
