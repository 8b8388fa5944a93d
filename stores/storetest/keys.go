package storetest

import (
	"fmt"
	"strings"

	nguard "github.com/nguard-go/nguard/core"
)

// owners are names that a store must tell apart: prefixes of each other, patterns, separators and quotes
// of query languages, and texts that a careless comparison takes for the same.
var owners = []string{
	"1", "10", "1:0", "01", "1 ", " 1", "1\t", "*", "?", "%", "_", "[1]", ":", "::", "{}", "{1}", "{1}0", "tenant:1", "tenant1",
	"a", "A", "ä", "a\u0308", "ß", "ss", "ı", "i", "I", "null", "NULL", "true", "0", "-1", "1e0", "+1",
	"a\r\nDEL x", "a\nb", "a\\", `a\'`, "'", `"`, "`", "a;b", "--", "$1", ":owner", "@p1", "?1", "%s%n", "{{.}}",
	"../a", "a/../b", "\u202e", "\u200b", "😀", strings.Repeat("x", 191), strings.Repeat("x", 190),
	"' OR '1'='1", "'; DROP TABLE nguard_sessions; --", `" OR ""="`, "1) OR (1=1", "a' UNION SELECT 1 --", "\\x00",
}

var keys = []rule{
	{"keys/owners", "no owner's name reaches another's sessions or epoch, however alike they look (G5, L7)", func(k *kit) {
		sessions := map[string]nguard.Created{}
		for _, owner := range owners {
			sessions[owner] = k.login(owner)
		}
		for _, owner := range owners {
			f := k.load(sessions[owner].Live)
			if f.Owner != owner || f.User != sessions[owner].Stamp {
				k.Fatalf("%q: got a session of %q with the epoch %+v", owner, f.Owner, f.User)
			}
		}
		for i, owner := range owners {
			k.bump(owner, nguard.BumpRevoke|nguard.BumpChange|nguard.BumpOpen)
			for j, other := range owners {
				if e := k.epoch(other); (e.Open == 1) != (j <= i) {
					k.Fatalf("after a bump of %q, %q has the epoch %+v", owner, other, e)
				}
			}
		}
		for _, owner := range owners {
			for _, other := range []string{owner + "*", owner + "%", "%", "*", owner + "0", strings.ToUpper(owner) + "!"} {
				if _, taken := sessions[other]; !taken {
					k.is(k.Store.Delete(k.ctx, other, sessions[owner].ID), nguard.ErrNoSession)
				}
			}
		}
		for i, owner := range owners {
			k.ok(k.Store.Delete(k.ctx, owner, sessions[owner].ID))
			for j, other := range owners {
				if _, err := k.Store.Load(k.ctx, sessions[other].Live); (err != nil) != (j <= i) {
					k.Fatalf("after deleting that of %q, the session of %q: %v", owner, other, err)
				}
			}
		}
	}},
	{"keys/list", "each owner lists the own sessions and no other (G2)", func(k *kit) {
		k.lister()
		ids := map[string]string{}
		for _, owner := range owners {
			ids[owner] = k.login(owner).ID
		}
		for _, owner := range owners {
			if list := k.all(owner); len(list) != 1 || list[0].ID != ids[owner] || list[0].Owner != owner {
				k.Fatalf("%q: got %d sessions", owner, len(list))
			}
		}
	}},
	{"keys/cap", "a cap counts the owner's sessions and no other", func(k *kit) {
		for range 2 {
			for _, owner := range owners {
				c := k.create(k.record(owner), nguard.Cap{Max: 1, EvictOldest: true, Now: k.now})
				if len(c.Ended) > 1 {
					k.Fatalf("%q ended %q", owner, c.Ended)
				}
			}
		}
	}},
	{"keys/injection", "what looks like a query is a value: as token, owner, ID, page or content it has no effect (L6)", func(k *kit) {
		c := k.login("ada")
		for _, evil := range append([]string{"\x00", "a\x00b", strings.Repeat("'", 1000), c.ID + "' --", c.ID + "%"}, owners...) {
			if _, err := k.Store.Load(k.ctx, evil); err == nil {
				k.Fatalf("%q led to a session as token", evil)
			}
			for _, key := range [][2]string{{"ada", evil}, {evil, c.ID}, {evil, evil}} {
				if err := k.Store.Delete(k.ctx, key[0], key[1]); err == nil {
					k.Fatalf("%q deleted a session", key)
				}
				if l, ok := nguard.Ability[nguard.Lister](k.Store); ok {
					if _, err := l.Find(k.ctx, key[0], key[1]); err == nil {
						k.Fatalf("%q found a session", key)
					}
					if list, err := l.List(k.ctx, key[0], key[1], 10); err == nil && len(list) > 1 {
						k.Fatalf("%q listed %d sessions", key, len(list))
					}
				}
			}
			k.create(k.record("eve"), nguard.Cap{Max: 1, EvictOldest: true, Replace: evil, Now: k.now})
		}
		k.alike(k.load(c.Live), c.Found)
		live := c.Live
		for i, evil := range owners {
			f := k.replace(k.load(live), false, func(r *nguard.Record) {
				r.User.Role, r.User.Name, r.Device, r.IP = evil, evil, evil, evil
				r.Data = map[string]any{evil: evil, fmt.Sprint(i): evil}
			})
			live = k.kept(live, f)
			k.alike(k.load(live), f)
		}
	}},
}
