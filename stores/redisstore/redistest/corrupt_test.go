package redistest

import (
	"errors"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/storetest"
)

// TestCorrupt: somebody who can write to Redis makes no session another's unnoticed (N8, K10). What does not fit is
// ErrCorrupt, and whatever the fields hold, nothing panics.
func TestCorrupt(t *testing.T) {
	s, c, _ := own(t)
	ctx := t.Context()
	ada := storetest.Login(t, s, "ada")
	key := func() string {
		t.Helper()
		keys, err := c.Keys(ctx, "*").Result()
		if err != nil || len(keys) != 1 {
			t.Fatal(keys, err)
		}
		return keys[0]
	}()
	good, err := c.HGetAll(ctx, key).Result()
	if err != nil {
		t.Fatal(err)
	}
	second := storetest.Login(t, s, "ada")
	all, err := c.HGetAll(ctx, key).Result()
	if err != nil {
		t.Fatal(err)
	}
	field := "s" + ada.ID
	row := good[field]
	cases := map[string]map[string]any{
		"another session":          {field: all["s"+second.ID]},
		"short":                    {field: row[:100]},
		"nothing":                  {field: ""},
		"letters":                  {field: "x" + row[1:]},
		"a higher version":         {field: "09223372036854775899" + row[20:]},
		"another beginning":        {field: row[:80] + "09223372036854775899" + row[100:]},
		"another revoke stamp":     {field: row[:100] + "09223372036854775899" + row[120:]},
		"a cut record":             {field: row[:len(row)-1]},
		"a longer record":          {field: row + "x"},
		"a length beyond the end":  {field: row[:120] + "\xff"},
		"no lengths":               {field: row[:120]},
		"a text for a change mark": {"e": "x" + good["e"]},
		"a number beyond 64 bits":  {"e": "99" + good["e"]},
		"a cut epoch":              {"e": good["e"][:len(good["e"])-1]},
		"half an epoch":            {"e": "1 2"},
		"no epoch":                 {"e": ""},
	}
	for name, fields := range cases {
		if err := c.HSet(ctx, key, fields).Err(); err != nil {
			t.Fatal(err)
		}
		f, err := s.Load(ctx, ada.Live)
		if !errors.Is(err, nguard.ErrCorrupt) || f.Record != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := s.Find(ctx, "ada", ada.ID); !errors.Is(err, nguard.ErrCorrupt) {
			t.Errorf("%s: Find: %v", name, err)
		}
		if _, err := s.List(ctx, "ada", "", 10); !errors.Is(err, nguard.ErrCorrupt) {
			t.Errorf("%s: List: %v", name, err)
		}
		if err := c.HSet(ctx, key, good).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.HDel(ctx, key, "e").Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(ctx, ada.Live); !errors.Is(err, nguard.ErrCorrupt) {
		t.Errorf("without an epoch: %v", err)
	}
	if err := c.HSet(ctx, key, good).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(ctx, ada.Live); err != nil {
		t.Fatalf("put right again: %v", err)
	}

	// The digest of a token covers the ID that it leads to, so that another session's digest opens none.
	if err := c.HSet(ctx, key, field, row[:120]+all["s"+second.ID][120:147]+row[147:]).Err(); err != nil {
		t.Fatal(err)
	}
	for _, created := range []nguard.Created{ada, second} {
		if f, err := s.Load(ctx, created.Live); err == nil && f.ID == ada.ID && f.Match != nguard.Spent {
			t.Errorf("with the digest of another session: match %d", f.Match)
		}
	}
	if err := c.HSet(ctx, key, good).Err(); err != nil {
		t.Fatal(err)
	}

	// A whole hash under another user's key.
	eve := storetest.Login(t, s, "eve")
	if err := s.Delete(ctx, "eve", eve.ID); err != nil {
		t.Fatal(err)
	}
	keys, err := c.Keys(ctx, "*").Result()
	if err != nil || len(keys) != 2 {
		t.Fatal(keys, err)
	}
	for _, other := range keys {
		if other == key {
			continue
		}
		if err := c.HSet(ctx, other, all).Err(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Find(ctx, "eve", ada.ID); !errors.Is(err, nguard.ErrCorrupt) {
			t.Errorf("a session under another user's key: %v", err)
		}
	}

	// A key of another type is nobody's hash.
	if err := c.Set(ctx, key, "x", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(ctx, ada.Live); !errors.Is(err, nguard.ErrCorrupt) {
		t.Errorf("a key of another type: %v", err)
	}
	if _, err := s.Bump(ctx, "ada", nguard.BumpRevoke); !errors.Is(err, nguard.ErrCorrupt) {
		t.Errorf("a bump of a key of another type: %v", err)
	}
}
