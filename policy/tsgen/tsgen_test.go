package tsgen_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
	"github.com/nguard-go/nguard/policy/tsgen"
)

func Example() {
	user := policy.NewRole("user")
	model, err := policy.NewModel(policy.Config{
		Roles:       []*policy.Role{user, policy.NewRole("admin", "*").Inherits(user)},
		Permissions: []policy.Permission{"posts:edit", "users:read"},
	})
	if err != nil {
		panic(err)
	}
	err = tsgen.Write(os.Stdout, tsgen.Names{Roles: model.Roles(), Permissions: model.Permissions(), Fields: []nguard.AnyField{
		&nguard.Field[string]{Name: "user.name"},
		&nguard.Field[string]{Name: "theme", OneOf: []string{"light", "dark"}},
		&nguard.Field[string]{Name: "role"},
	}})
	if err != nil {
		panic(err)
	}
	// Output:
	// // Code generated from the Go declarations by nguard's policy/tsgen. DO NOT EDIT.
	//
	// import "@nguard/browser";
	//
	// declare module "@nguard/browser" {
	//   interface Register {
	//     roles: "user" | "admin";
	//     permissions: "posts:edit" | "users:read";
	//     fields: {
	//       "user.name": string;
	//       "theme": "light" | "dark";
	//     };
	//   }
	// }
}

type address struct {
	Street string   `json:"street"`
	Lines  []string `json:"lines,omitempty"`
	Geo    *float64
	hidden string
	Secret string `json:"-"`
}

type node struct{ Next *node }

type odd struct{}

func (odd) MarshalJSON() ([]byte, error) { return []byte("1"), nil }

type level int

func (l level) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "level %d", int(l)), nil }

type uuid [16]byte

func (uuid) MarshalText() ([]byte, error) { return []byte("0-0"), nil }

// letter is a byte, but a slice of it is no base64: encoding/json asks each for its text.
type letter byte

func (l letter) MarshalText() ([]byte, error) { return []byte{byte(l)}, nil }

type byPointer struct{}

func (*byPointer) MarshalText() ([]byte, error) { return []byte("text"), nil }

func TestTypes(t *testing.T) {
	for _, c := range []struct {
		field nguard.AnyField
		want  string
	}{
		{&nguard.Field[bool]{Name: "f"}, "boolean"},
		{&nguard.Field[int]{Name: "f", OneOf: []int{1, 2}}, "1 | 2"},
		{&nguard.Field[float64]{Name: "f"}, "number"},
		{&nguard.Field[[]string]{Name: "f"}, "string[] | null"},
		{&nguard.Field[[]*int]{Name: "f"}, "(number | null)[] | null"},
		{&nguard.Field[[]byte]{Name: "f"}, "string | null"},
		{&nguard.Field[map[string]int]{Name: "f"}, "Record<string, number> | null"},
		{&nguard.Field[time.Time]{Name: "f"}, "string"},
		{&nguard.Field[json.RawMessage]{Name: "f"}, "unknown"},
		{&nguard.Field[odd]{Name: "f"}, "unknown"},
		{&nguard.Field[any]{Name: "f"}, "unknown"},
		{&nguard.Field[address]{Name: "f", Default: address{hidden: "from JSON"}}, `{ "street": string; "lines"?: string[]; "Geo": number | null }`},
		{&nguard.Field[node]{Name: "f"}, `{ "Next": unknown | null }`},
		{&nguard.Field[[]string]{Name: "f", OneOf: [][]string{{"a"}}}, "string[] | null"},
		{&nguard.Field[level]{Name: "f"}, "string"},
		{&nguard.Field[level]{Name: "f", OneOf: []level{1, 2}}, `"level 1" | "level 2"`},
		{&nguard.Field[uuid]{Name: "f"}, "string"},
		{&nguard.Field[[]uuid]{Name: "f"}, "string[] | null"},
		{&nguard.Field[[]letter]{Name: "f"}, "string[] | null"},
		{&nguard.Field[netip.Addr]{Name: "f"}, "string"},
		{&nguard.Field[*netip.Addr]{Name: "f"}, "string | null"},
		{&nguard.Field[*byPointer]{Name: "f"}, "string | null"},
		{&nguard.Field[byPointer]{Name: "f"}, "unknown"},
		{&nguard.Field[[2]int]{Name: "f"}, "number[]"},
		{&nguard.Field[string]{Name: "f", OneOf: []string{`a"b`}}, `"a\"b"`},
	} {
		var b strings.Builder
		if err := tsgen.Write(&b, tsgen.Names{Fields: []nguard.AnyField{c.field}}); err != nil {
			t.Fatal(err)
		}
		if want := "      \"f\": " + c.want + ";\n"; !strings.Contains(b.String(), want) {
			t.Errorf("%T: no %q in\n%s", c.field, want, &b)
		}
	}
}

// TestPrivate: what never leaves the server is not named either, and neither is what the client knows itself.
func TestPrivate(t *testing.T) {
	var b strings.Builder
	err := tsgen.Write(&b, tsgen.Names{Module: "other", Fields: []nguard.AnyField{
		&nguard.Field[string]{Name: "secret", Private: true}, &nguard.Field[[]string]{Name: "permissions"}, &nguard.Field[string]{Name: "theme"},
	}})
	if err != nil || strings.Contains(b.String(), "secret") || strings.Contains(b.String(), `"permissions"`) || !strings.Contains(b.String(), `declare module "other"`) {
		t.Errorf("%v\n%s", err, &b)
	}
	if !strings.Contains(b.String(), "roles: never;") {
		t.Errorf("without roles there are none:\n%s", &b)
	}
}

func TestNothing(t *testing.T) {
	if err := tsgen.Write(&strings.Builder{}, tsgen.Names{}); err == nil {
		t.Error("nothing was written without a word")
	}
}
