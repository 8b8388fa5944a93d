package nguard_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

var (
	viewNote  = &nguard.Field[string]{Name: "note"}
	viewCount = &nguard.Field[int]{Name: "count"}
	viewPin   = &nguard.Field[string]{Name: "pin", Private: true}
	viewPhone = &nguard.Field[string]{Name: "user.phone", Scope: nguard.InUser}
	viewEmail = &nguard.Field[string]{Name: "user.email", Scope: nguard.InUser, Private: true}
	viewTheme = &nguard.Field[string]{Name: "theme", Scope: nguard.InUser, OneOf: []string{"light", "dark"}}
	viewTags  = &nguard.Field[[]string]{Name: "tags"}
)

func view(t *testing.T) *nguard.View {
	t.Helper()
	v, err := nguard.NewView([]nguard.AnyField{viewNote, viewCount, viewPin, viewPhone, viewEmail, viewTheme, viewTags})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// What is shown and read again is the same, but for what is private or undeclared, which is not shown.
func TestView(t *testing.T) {
	v := view(t)
	r := &nguard.Record{
		ID: "id", Device: "canary", IP: "canary",
		User: nguard.User{ID: "ann", Name: "Ann", Email: "canary", Role: "user", Permissions: []string{"read"},
			Data: map[string]any{"user.phone": "1", "theme": "dark", "undeclared": "canary"}},
		Data: map[string]any{"note": "x", "count": int64(3), "pin": "canary", "undeclared": "canary", "tags": json.RawMessage(`["a"]`)},
	}
	user, data := v.Show(r)
	raw, err := json.Marshal(map[string]any{"user": user, "data": data})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), "canary") {
		t.Errorf("shown: %s", raw)
	}
	u, values, err := v.Read(raw)
	if err != nil {
		t.Fatal(err)
	}
	wantUser := nguard.User{ID: "ann", Name: "Ann", Role: "user", Permissions: []string{"read"}, Data: map[string]any{"user.phone": "1", "theme": "dark"}}
	wantData := map[string]any{"note": "x", "count": int64(3), "tags": json.RawMessage(`["a"]`)}
	if !reflect.DeepEqual(u, wantUser) || !reflect.DeepEqual(values, wantData) {
		t.Errorf("read %+v and %v", u, values)
	}
}

func TestView_Read(t *testing.T) {
	v := view(t)
	for in, role := range map[string]string{
		`{"user":{"id":"ann","role":"a"},"data":{"role":"b"},"role":"c"}`: "a", `{"user":{"id":"ann"},"data":{"role":"b"},"role":"c"}`: "b",
		`{"user":{"id":"ann"},"role":"c"}`: "c", `{"user":{"id":"ann","role":1}}`: "", `{"user":{"id":"ann"},"data":{"user":{"role":"x"}}}`: "",
	} {
		if u, _, err := v.Read([]byte(in)); err != nil || u.ID != "ann" || u.Role != role {
			t.Errorf("%s: %+v, %v", in, u, err)
		}
	}
	// What is no value of its field is left out; nothing that is private or undeclared comes in.
	u, data, err := v.Read([]byte(`{"user":{"id":"ann","phone":1,"email":"e","x":1},"data":{"note":1,"count":"1","pin":"1","theme":"blue","tags":["a"],"y":1},"note":"top"}`))
	if err != nil || len(u.Data) != 0 || u.Email != "" || !reflect.DeepEqual(data, map[string]any{"tags": json.RawMessage(`["a"]`)}) {
		t.Errorf("read %+v, %v, %v", u, data, err)
	}
	for _, in := range []string{
		``, `null`, `[]`, `{}`, `{"user":{}}`, `{"user":{"id":""}}`, `{"user":{"id":1}}`, `{"user":"ann"}`, `{"user":{"id":"ann"},"data":[]}`,
		`{"user":{"id":"ann","id":"eve"}}`, `{"user":{"id":"ann"},"user":{"id":"eve"}}`, `{"user":{"id":"ann","ID":"eve"}}`, `{"user":{"id":"ann"}}x`,
		"{\"user\":{\"id\":\"a\xff\"}}",
	} {
		if u, _, err := v.Read([]byte(in)); !errors.Is(err, nguard.ErrMalformed) {
			t.Errorf("%s: %+v, %v", in, u, err)
		}
	}
	if _, err := nguard.NewView([]nguard.AnyField{viewNote, viewNote}); err == nil {
		t.Error("a field twice was taken")
	}
}
