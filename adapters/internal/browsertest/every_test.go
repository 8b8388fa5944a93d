package browsertest_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
)

// TestEvery_IsAll: a method of Request that comes later is missed here, not in production.
func TestEvery_IsAll(t *testing.T) {
	known := browsertest.Every(t, nil, t.Context(), "")
	v := reflect.TypeFor[*nguard.Request]()
	for i := range v.NumMethod() {
		switch name := v.Method(i).Name; name {
		case "End", "Guard", "ID", "IP", "Record", "Subject": // give no error, or change no answer
		default:
			if _, ok := known[name]; !ok {
				t.Errorf("the tests do not know %s", name)
			}
		}
	}
	for name, err := range known {
		if !errors.Is(err, nguard.ErrNotInstalled) {
			t.Errorf("%s of a nil Request: %v", name, err)
		}
	}
}
