package nguard_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
	"github.com/nguard-go/nguard/stores/memstore"
)

// change makes one change of Ann's session and returns the session after it.
func change(t testing.TB, g *nguard.Guard, fn func(d *nguard.Draft) error) (*nguard.Session, error) {
	t.Helper()
	ctx := nguard.WithActor(context.Background(), "job:test")
	list, err := g.Sessions(ctx, "ann")
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		_, s, err := g.Login(ctx, "ann", nguard.LoginOptions{})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	return g.Update(ctx, "ann", list[0].ID(), fn)
}

func guardOf(t testing.TB, fields ...nguard.AnyField) *nguard.Guard {
	t.Helper()
	return guardtest.New(t, nguard.Config{Fields: fields}, nguard.User{ID: "ann"})
}

// roundTrip checks that a value comes back as it was set, in a field of the session and one of the user.
func roundTrip[T any](t *testing.T, values ...T) {
	t.Helper()
	for _, scope := range []nguard.Scope{nguard.InSession, nguard.InUser} {
		f := &nguard.Field[T]{Name: "value", Scope: scope}
		g := guardOf(t, f)
		for _, v := range values {
			s, err := change(t, g, func(d *nguard.Draft) error {
				if err := f.Set(d, v); err != nil {
					return err
				}
				if got := f.Get(d); !reflect.DeepEqual(got, v) {
					t.Errorf("%T in the draft: %#v, want %#v", v, got, v)
				}
				return nil
			})
			if err != nil {
				t.Errorf("%T %#v: %v", v, v, err)
				continue
			}
			if got := f.Get(s); !reflect.DeepEqual(got, v) {
				t.Errorf("%T in the session: %#v, want %#v", v, got, v)
			}
		}
	}
}

type (
	colour  string
	weekday uint8
	address struct {
		Street string   `json:"street"`
		Lines  []string `json:"lines,omitempty"`
	}
)

func TestField_Types(t *testing.T) {
	roundTrip(t, "", "x", "ünï\u2028code", strings.Repeat("x", 2000))
	roundTrip(t, true, false)
	roundTrip(t, 0, 1, -1, math.MaxInt, math.MinInt)
	roundTrip[int64](t, math.MaxInt64, math.MinInt64)
	roundTrip[int8](t, -128, 127)
	roundTrip[int32](t, math.MinInt32, math.MaxInt32)
	roundTrip[uint](t, 0, math.MaxInt64)
	roundTrip[uint8](t, 0, 255)
	roundTrip[uint64](t, math.MaxInt64)
	roundTrip(t, 0.0, 1.5, -math.MaxFloat64, math.SmallestNonzeroFloat64)
	roundTrip[float32](t, 0.1, math.MaxFloat32)
	roundTrip[colour](t, "red", "")
	roundTrip[weekday](t, 6)
	roundTrip(t, []string{"a", "b"}, []string{})
	roundTrip(t, []byte("bytes"))
	roundTrip(t, map[string]int{"a": 1}, map[string]int{})
	roundTrip(t, address{"Elm St", []string{"a"}}, address{})
	roundTrip(t, &address{Street: "Elm St"})
	roundTrip(t, [2]bool{true, false})
	roundTrip(t, time.Date(2026, 2, 3, 4, 5, 6, 7, time.UTC))
	roundTrip(t, 90*time.Second)
	roundTrip(t, json.RawMessage(`{"a":[1,2]}`))
	roundTrip[any](t, "x", true, map[string]any{"a": []any{1.5}})
}

func TestField_Set_Refusals(t *testing.T) {
	small := &nguard.Field[uint8]{Name: "small", OneOf: []uint8{1, 2}}
	even := &nguard.Field[int]{Name: "even", Check: func(n int) error {
		if n%2 != 0 {
			return errors.New("must be even")
		}
		return nil
	}}
	number := &nguard.Field[float64]{Name: "number"}
	large := &nguard.Field[uint64]{Name: "large"}
	raw := &nguard.Field[json.RawMessage]{Name: "raw"}
	long := &nguard.Field[string]{Name: "long"}
	g := guardOf(t, small, even, number, large, raw, long)
	for name, set := range map[string]func(d *nguard.Draft) error{
		"small":  func(d *nguard.Draft) error { return small.Set(d, 3) },
		"even":   func(d *nguard.Draft) error { return even.Set(d, 3) },
		"number": func(d *nguard.Draft) error { return number.Set(d, math.NaN()) },
		"large":  func(d *nguard.Draft) error { return large.Set(d, math.MaxUint64) },
		"raw":    func(d *nguard.Draft) error { return raw.Set(d, json.RawMessage(`{"a":`)) },
	} {
		_, err := change(t, g, set)
		var field *nguard.FieldError
		if !errors.Is(err, nguard.ErrInvalid) || !errors.As(err, &field) || field.Field != name {
			t.Errorf("%s: %v, want a refusal that names the field", name, err)
		}
	}
	_, err := change(t, g, func(d *nguard.Draft) error {
		_ = long.Set(d, strings.Repeat("x", 1<<20)) // a program that does not look at the error
		return nil
	})
	if !errors.Is(err, nguard.ErrTooLarge) {
		t.Errorf("a session of a megabyte: %v", err)
	}
	if s, err := change(t, g, func(d *nguard.Draft) error { return even.Modify(d, func(n int) int { return n + 2 }) }); err != nil || even.Get(s) != 2 || long.Get(s) != "" || s.Version() != 2 {
		t.Errorf("after refusals: %v, %v", s, err)
	}
}

func TestField_Default(t *testing.T) {
	theme := &nguard.Field[string]{Name: "theme", Default: "light"}
	list := &nguard.Field[[]string]{Name: "list", Default: []string{"a", "b"}}
	bag := &nguard.Field[map[string]int]{Name: "bag", Default: map[string]int{"a": 1}}
	home := &nguard.Field[*address]{Name: "home", Default: &address{Street: "Elm St"}}
	g := guardOf(t, theme, list, bag, home)
	s, err := change(t, g, func(d *nguard.Draft) error {
		list.Get(d)[0] = "changed"
		bag.Get(d)["a"] = 2
		home.Get(d).Street = "changed"
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if theme.Get(s) != "light" || list.Get(s)[0] != "a" || bag.Get(s)["a"] != 1 || home.Get(s).Street != "Elm St" {
		t.Errorf("defaults: %q %v %v %v; one caller's change is everybody's", theme.Get(s), list.Get(s), bag.Get(s), home.Get(s))
	}
	if (&nguard.Field[[]string]{Name: "none"}).Get(s) != nil || (&nguard.Field[*address]{Name: "none"}).Get(s) != nil {
		t.Error("the default of nothing is something")
	}
}

// TestField_Copies: a value that is not a scalar is copied in and out, so that neither side can change
// what the other holds. Sessions are shared between goroutines.
func TestField_Copies(t *testing.T) {
	list := &nguard.Field[[]string]{Name: "list"}
	bag := &nguard.Field[map[string][]int]{Name: "bag"}
	home := &nguard.Field[*address]{Name: "home"}
	raw := &nguard.Field[json.RawMessage]{Name: "raw"}
	blob := &nguard.Field[[]byte]{Name: "blob"}
	loose := &nguard.Field[any]{Name: "loose"}
	perms := &nguard.Field[[]string]{Name: "perms", Scope: nguard.InUser}
	g := guardOf(t, list, bag, home, raw, blob, loose, perms)
	s, err := change(t, g, func(d *nguard.Draft) error {
		inList, inBag, inHome, inRaw, inBlob := []string{"a"}, map[string][]int{"a": {1}}, &address{Lines: []string{"a"}}, json.RawMessage(`"a"`), []byte("a")
		inLoose := map[string]any{"a": "a"}
		err := errors.Join(list.Set(d, inList), bag.Set(d, inBag), home.Set(d, inHome), raw.Set(d, inRaw), blob.Set(d, inBlob), loose.Set(d, inLoose), perms.Set(d, inList))
		inList[0], inBag["a"][0], inHome.Lines[0], inRaw[1], inBlob[0], inLoose["a"] = "spoilt", 9, "spoilt", 'z', 'z', "spoilt"
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	show := func() string {
		return fmt.Sprint(list.Get(s), bag.Get(s), *home.Get(s), string(raw.Get(s)), string(blob.Get(s)), loose.Get(s), perms.Get(s), fmt.Sprintf("%s", s.User().Data))
	}
	want := show()
	if strings.Contains(want, "spoilt") || strings.Contains(want, "z") || strings.Contains(want, "9") {
		t.Errorf("the session changed with what was set: %s", want)
	}
	list.Get(s)[0], bag.Get(s)["a"][0], home.Get(s).Lines[0], raw.Get(s)[1], blob.Get(s)[0], perms.Get(s)[0] = "spoilt", 9, "spoilt", 'z', 'z', "spoilt"
	if m, ok := loose.Get(s).(map[string]any); ok {
		m["a"] = "spoilt"
	} else if b, ok := loose.Get(s).(json.RawMessage); ok {
		b[1] = 'z'
	}
	u := s.User()
	if b, ok := u.Data["perms"].(json.RawMessage); ok {
		b[2] = 'z'
	} else {
		t.Errorf("User.Data holds a %T", u.Data["perms"])
	}
	u.Data["perms"] = "spoilt"
	if got := show(); got != want {
		t.Errorf("the session changed with what was got: %s, was %s", got, want)
	}
}

// TestField_Get_Allocations: reading a scalar costs no allocation, stored or not.
func TestField_Get_Allocations(t *testing.T) {
	text, flag := &nguard.Field[string]{Name: "text", Default: "x"}, &nguard.Field[bool]{Name: "flag"}
	count, big, ratio := &nguard.Field[int]{Name: "count"}, &nguard.Field[int64]{Name: "big"}, &nguard.Field[float64]{Name: "ratio"}
	inUser := &nguard.Field[int]{Name: "in-user", Scope: nguard.InUser}
	name := &nguard.Field[string]{Name: "user.name", Scope: nguard.InUser}
	g := guardOf(t, text, flag, count, big, ratio, inUser, name)
	var sum int
	read := func(s *nguard.Session) func() {
		return func() {
			sum += len(text.Get(s)) + count.Get(s) + int(big.Get(s)) + int(ratio.Get(s)) + inUser.Get(s) + len(name.Get(s))
			if flag.Get(s) {
				sum++
			}
		}
	}
	empty, err := change(t, g, func(*nguard.Draft) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	full, err := change(t, g, func(d *nguard.Draft) error {
		return errors.Join(text.Set(d, "abc"), flag.Set(d, true), count.Set(d, 1<<40), big.Set(d, 1<<41), ratio.Set(d, 4096), inUser.Set(d, 1<<42), name.Set(d, "Ann"))
	})
	if err != nil {
		t.Fatal(err)
	}
	for what, s := range map[string]*nguard.Session{"defaults": empty, "stored": full} {
		if n := testing.AllocsPerRun(100, read(s)); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
	if sum == 0 {
		t.Error("nothing was read")
	}
}

// TestField_OtherType: a stored value that does not fit the declared type, as after a change of the
// declaration, reads as the default and does not stop anything.
func TestField_OtherType(t *testing.T) {
	before := &nguard.Field[string]{Name: "value"}
	after := &nguard.Field[int]{Name: "value", Default: 7}
	list := &nguard.Field[[]string]{Name: "value"}
	s, err := change(t, guardOf(t, before), func(d *nguard.Draft) error { return before.Set(d, "many") })
	if err != nil {
		t.Fatal(err)
	}
	if after.Get(s) != 7 || list.Get(s) != nil {
		t.Errorf("read as another type: %d, %v", after.Get(s), list.Get(s))
	}
}

// TestField_RollingDeploy: values of fields that this version does not declare survive its writes
// unchanged, and are neither shown nor changed from outside.
func TestField_RollingDeploy(t *testing.T) {
	shared := nguard.Config{Store: memstore.New(), Users: guardtest.NewUsers(nguard.User{ID: "ann"})}
	count := &nguard.Field[int]{Name: "count"}
	newList, newCount := &nguard.Field[[]string]{Name: "new-list"}, &nguard.Field[int]{Name: "new-count"}
	newInUser := &nguard.Field[map[string]any]{Name: "new-in-user", Scope: nguard.InUser}
	nick := &nguard.Field[string]{Name: "user.nick", Scope: nguard.InUser, Write: policy.Self}
	of := func(fields ...nguard.AnyField) *nguard.Guard {
		c := shared
		c.Fields = fields
		return guardtest.New(t, c)
	}
	newer, older := of(count, newList, newCount, newInUser, nick), of(count, nick)
	wantUser := map[string]any{"n": 1.0, "s": []any{"x", true, nil}}
	_, err := change(t, newer, func(d *nguard.Draft) error {
		return errors.Join(newList.Set(d, []string{"<a>", "b"}), newCount.Set(d, 1<<60), newInUser.Set(d, wantUser), count.Set(d, 1))
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		s, err := change(t, older, func(d *nguard.Draft) error {
			return errors.Join(count.Modify(d, func(n int) int { return n + 1 }), nick.Modify(d, func(s string) string { return s + "n" }))
		})
		if err != nil {
			t.Fatal(err)
		}
		if raw, err := json.Marshal(s); err != nil || strings.Contains(string(raw), "new-") {
			t.Errorf("the older version shows what it does not declare: %s, %v", raw, err)
		}
	}
	s, err := change(t, newer, func(d *nguard.Draft) error { return count.Modify(d, func(n int) int { return n + 1 }) })
	if err != nil {
		t.Fatal(err)
	}
	if count.Get(s) != 5 || newCount.Get(s) != 1<<60 || !reflect.DeepEqual(newList.Get(s), []string{"<a>", "b"}) || !reflect.DeepEqual(newInUser.Get(s), wantUser) || nick.Get(s) != "nnn" {
		t.Errorf("after the older version's writes: %d %d %v %v %q", count.Get(s), newCount.Get(s), newList.Get(s), newInUser.Get(s), nick.Get(s))
	}
	_, err = older.ChangeUser(nguard.WithActor(context.Background(), "job:test"), "ann", func(u *nguard.User) error { u.Name = "Ann"; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if s, err = change(t, newer, func(*nguard.Draft) error { return nil }); err != nil || !reflect.DeepEqual(newInUser.Get(s), wantUser) || s.User().Name != "Ann" {
		t.Errorf("after the older version's change of the user: %v, %v", newInUser.Get(s), err)
	}
}

// TestField_Declarations: what is wrong with a declaration does not start, and the error names it.
func TestField_Declarations(t *testing.T) {
	users := guardtest.NewUsers()
	for want, fields := range map[string][]nguard.AnyField{
		"declared twice":      {&nguard.Field[int]{Name: "a"}, &nguard.Field[string]{Name: "a"}},
		"differ in case only": {&nguard.Field[int]{Name: "theme"}, &nguard.Field[int]{Name: "Theme"}},
		"nil":                 {nil},
		"field name":          {&nguard.Field[int]{}},
		`field name "a b"`:    {&nguard.Field[int]{Name: "a b"}},
		"never changes":       {&nguard.Field[string]{Name: "user.id"}},
		"Scope InUser":        {&nguard.Field[string]{Name: "role"}},
		"Config.Roles":        {&nguard.Field[string]{Name: "role", Scope: nguard.InUser}},
	} {
		_, err := nguard.New(nguard.Config{Store: memstore.New(), Users: users, Fields: fields, Limits: nguard.Limits{Login: nguard.Unlimited, Update: nguard.Unlimited}})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "Config.") {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

// TestField_WhatIsWrongDoesNotStart: a declaration that could only fail later is an error from New, and a
// field that was not listed cannot be written.
func TestField_WhatIsWrongDoesNotStart(t *testing.T) {
	var missing *nguard.Field[string]
	for says, f := range map[string]nguard.AnyField{
		"nil":              missing,
		"type":             &nguard.Field[chan int]{Name: "channel"},
		"Default":          &nguard.Field[string]{Name: "theme", Default: "pink", OneOf: []string{"light", "dark"}},
		"meaning of its":   &nguard.Field[bool]{Name: "disabled", Scope: nguard.InUser},
		"letters, digits,": &nguard.Field[bool]{Name: "a b"},
	} {
		if _, err := nguard.New(nguard.Config{Store: memstore.New(), Fields: []nguard.AnyField{f}}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v", says, err)
		}
	}
	listed, forgotten := &nguard.Field[string]{Name: "listed"}, &nguard.Field[string]{Name: "forgotten"}
	g := guardOf(t, listed)
	ctx := nguard.WithActor(context.Background(), "test")
	_, s, err := g.Login(ctx, "ann", nguard.LoginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Update(ctx, "ann", s.ID(), func(d *nguard.Draft) error { return forgotten.Set(d, "x") }); err == nil || !strings.Contains(err.Error(), "Config.Fields") {
		t.Errorf("a field that is not listed was written: %v", err)
	}
}
