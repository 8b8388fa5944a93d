package storetest

import (
	"encoding/json"
	"strings"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

var contract = []rule{
	{"create", "Create returns what a Load of its token returns", func(k *kit) {
		r := k.record("ada")
		c := k.create(r, nguard.Cap{})
		if len(c.Ended) != 0 || c.Match != nguard.Current || c.Live == "" || r.ID != "" {
			k.Fatalf("got ended %q, match %d, live %q, and the ID %q in the record that was given",
				c.Ended, c.Match, c.Live, r.ID)
		}
		want := *r
		want.ID = c.ID
		k.same(c.Record, &want)
		k.alike(k.load(c.Live), c.Found)
	}},
	{"create/ids", "IDs are 22 characters of base64url, no two are alike, and neither they nor tokens hold each other", func(k *kit) {
		seen := map[string]bool{}
		for range 100 {
			c := k.login("ada")
			if len(c.ID) != 22 || strings.Trim(c.ID, alphabet) != "" || seen[c.ID] || seen[c.Live] {
				k.Fatalf("ID %q, token %q", c.ID, c.Live)
			}
			if strings.Contains(c.Live, c.ID) {
				k.Fatal("the token holds the ID")
			}
			seen[c.ID], seen[c.Live] = true, true
		}
	}},
	{"load/unknown", "a token of another store is well formed and has no session", func(k *kit) {
		other := k.open(k.T).Store
		c, err := other.Create(k.ctx, k.record("ada"), nguard.Cap{})
		k.ok(err)
		k.gone(c.Live)
	}},
	{"replace", "Replace stores the record, keeps the token and returns what a Load returns", func(k *kit) {
		c := k.login("ada")
		f := k.replace(k.load(c.Live), false, func(r *nguard.Record) { r.User.Role, r.Level = "admin", 2 })
		if f.Version != 2 || f.ID != c.ID {
			k.Fatalf("got version %d, ID %q", f.Version, f.ID)
		}
		live := k.kept(c.Live, f)
		k.alike(k.load(live), f)
		g := k.replace(f, false, func(r *nguard.Record) { r.User.Role = "user" })
		k.alike(k.load(k.kept(live, g)), g)
	}},
	{"replace/conflict", "Replace refuses when another version is stored, and changes nothing then", func(k *kit) {
		f := k.login("ada").Found
		first := k.replace(f, false, func(r *nguard.Record) { r.User.Name = "first" })
		_, err := k.Store.Replace(k.ctx, f, next(f, k.now, func(r *nguard.Record) { r.User.Name = "second" }), false)
		k.is(err, nguard.ErrConflict)
		_, err = k.Store.Replace(k.ctx, f, next(f, k.now, nil), true)
		k.is(err, nguard.ErrConflict)
		k.alike(k.load(first.Live), first)
	}},
	{"replace/gone", "Replace never upserts: a deleted session stays deleted", func(k *kit) {
		f := k.login("ada").Found
		k.ok(k.Store.Delete(k.ctx, f.Owner, f.ID))
		for _, rotate := range []bool{false, true} {
			_, err := k.Store.Replace(k.ctx, f, next(f, k.now, nil), rotate)
			k.is(err, nguard.ErrNoSession)
			k.gone(f.Live)
		}
	}},
	{"touch", "Touch moves the idle clock and nothing else; the version stays", func(k *kit) {
		c := k.login("ada")
		at := k.now.Add(time.Minute)
		f := k.touch(c.Found, at)
		want := c.Found
		want.LastSeen = at
		k.alike(f, want)
		k.alike(k.load(c.Live), want)
		k.replace(c.Found, false, nil) // the version that was loaded before the touch is still the stored one
	}},
	{"touch/gone", "Touch never upserts: a deleted session stays deleted", func(k *kit) {
		f := k.login("ada").Found
		k.ok(k.Store.Delete(k.ctx, f.Owner, f.ID))
		_, err := k.Store.Touch(k.ctx, f, k.now.Add(time.Minute))
		k.is(err, nguard.ErrNoSession)
		k.gone(f.Live)
	}},
	{"delete", "Delete ends one session, once, and no other", func(k *kit) {
		c, other := k.login("ada"), k.login("ada")
		k.ok(k.Store.Delete(k.ctx, "ada", c.ID))
		k.gone(c.Live)
		k.is(k.Store.Delete(k.ctx, "ada", c.ID), nguard.ErrNoSession)
		k.alike(k.load(other.Live), other.Found)
	}},
	{"delete/foreign", "Delete with another owner or an unknown ID finds nothing", func(k *kit) {
		c, eve := k.login("ada"), k.login("eve")
		k.is(k.Store.Delete(k.ctx, "eve", c.ID), nguard.ErrNoSession)
		k.is(k.Store.Delete(k.ctx, "", c.ID), nguard.ErrNoSession)
		k.is(k.Store.Delete(k.ctx, "ada", eve.ID), nguard.ErrNoSession)
		k.is(k.Store.Delete(k.ctx, "ada", "AAAAAAAAAAAAAAAAAAAAAA"), nguard.ErrNoSession)
		k.is(k.Store.Delete(k.ctx, "ada", ""), nguard.ErrNoSession)
		k.alike(k.load(c.Live), c.Found)
		k.alike(k.load(eve.Live), eve.Found)
	}},
	{"values", "values come back in their form and to the last bit, those of undeclared fields included", func(k *kit) {
		r := k.record("ada")
		r.Idle, r.Remember, r.Due = 30*time.Minute+1, true, true
		r.User.Permissions = []string{"posts:edit", ""}
		r.User.Data = map[string]any{"theme": "dark", "": "no name"}
		r.Data = map[string]any{
			"string": "a\x00b\r\n'\"\\ \u2028 é 😀", "empty": "", "yes": true, "no": false,
			"int": int64(-1 << 63), "large": int64(1<<63 - 1), "float": 0.1, "tiny": 5e-324,
			"json": json.RawMessage(`{"b":[1, 2.50], "a":null}`), "later": json.RawMessage(`null`),
		}
		c := k.create(r, nguard.Cap{})
		want := *r
		want.ID = c.ID
		k.same(k.load(c.Live).Record, &want)
		k.replace(k.load(c.Live), false, nil)
		want.Version = 2
		k.same(k.load(c.Live).Record, &want)
	}},
	{"values/times", "times keep their nanoseconds, and absent ones stay absent", func(k *kit) {
		r := k.record("ada")
		r.Created = time.Date(2024, 2, 29, 23, 59, 59, 999_999_999, time.UTC)
		r.Updated, r.AuthAt, r.Rotated = time.Time{}, time.Time{}, r.Created.Add(1)
		r.Expires = time.Date(2200, 1, 1, 0, 0, 0, 1, time.UTC)
		c := k.create(r, nguard.Cap{})
		want := *r
		want.ID = c.ID
		f := k.load(c.Live)
		k.same(f.Record, &want)
		if f.Updated != (time.Time{}) || f.LastSeen.Location() != time.UTC {
			k.Fatalf("got Updated %v, LastSeen in %v", f.Updated, f.LastSeen.Location())
		}
	}},
	{"values/large", "a record of 64 KiB is stored, replaced and listed as any other; a store that cannot hold it says so, and nothing has changed (C5)", func(k *kit) {
		r := k.record("ada")
		r.Data = map[string]any{"note": strings.Repeat("é", 32<<10)}
		if k.Sealed {
			k.tooLarge(r)
			return
		}
		c := k.create(r, nguard.Cap{})
		want := *r
		want.ID = c.ID
		k.same(k.load(c.Live).Record, &want)
		k.replace(k.load(c.Live), true, func(r *nguard.Record) { r.Data = map[string]any{"note": ""} })
	}},
}

// tooLarge checks that a store refuses a record, and is as it was then.
func (k *kit) tooLarge(r *nguard.Record) {
	k.Helper()
	c := k.login("ada")
	_, err := k.Store.Create(k.ctx, r, nguard.Cap{Max: 1, EvictOldest: true, Replace: c.ID, Now: k.now})
	k.is(err, nguard.ErrTooLarge)
	for _, rotate := range []bool{false, true} {
		f := k.load(c.Live)
		_, err = k.Store.Replace(k.ctx, f, next(f, k.now, func(n *nguard.Record) { n.Data = r.Data }), rotate)
		k.is(err, nguard.ErrTooLarge)
	}
	k.alike(k.load(c.Live), c.Found)
	k.live([]nguard.Created{c}, 1)
}
