package historytest

import (
	"math"
	"testing"

	"github.com/anishathalye/porcupine"

	nguard "github.com/nguard-go/nguard/core"
)

// TestJudgement holds the model to histories that were written by hand: what a store may say, and what not.
// A model that accepts everything finds nothing; one that refuses what is right cries wolf.
func TestJudgement(t *testing.T) {
	e := nguard.Epoch{Change: 10, Revoke: 20}
	revoked := nguard.Epoch{Change: 10, Revoke: 21}
	first := view{name: "a", id: "A", value: "a", live: "t0", version: 1, created: 1, lastSeen: 1, seenAt: 1, match: nguard.Current, stamp: e, user: e}
	with := func(v view, change func(v *view)) view {
		change(&v)
		return v
	}
	second := with(first, func(v *view) { v.version, v.value = 2, "b" })
	rotated := with(second, func(v *view) { v.live, v.seenAt = "t1", 0 })
	old := with(rotated, func(v *view) { v.match = nguard.Previous })
	listed := func(v view) view { return with(v, func(v *view) { v.match, v.live = nguard.ByID, "" }) }

	login := op(1, 2, call{kind: create, name: "a", value: "a", stamp: e, at: 1}, said(done, first))
	read := func(from, to int64, r result) porcupine.Operation {
		return op(from, to, call{kind: load, name: "a", token: "t0"}, r)
	}
	write := func(from, to int64, value string, r result) porcupine.Operation {
		return op(from, to, call{kind: swap, name: "a", token: "t0", value: value, version: 1, stamp: e, match: nguard.Current, seenAt: 1, lastSeen: 1, at: 5}, r)
	}
	rotate := func(from, to int64, r result) porcupine.Operation {
		o := write(from, to, "b", r)
		c := o.Input.(call)
		c.rotate = true
		o.Input = c
		return o
	}
	all := func(from, to int64, views ...view) porcupine.Operation {
		return op(from, to, call{kind: list}, said(done, views...))
	}
	bumped := func(from, to int64, r result) porcupine.Operation {
		return op(from, to, call{kind: bump, bump: nguard.BumpRevoke}, r)
	}
	another := func(from, to int64, l limit, r result) porcupine.Operation {
		return op(from, to, call{kind: create, name: "b", value: "b", stamp: e, at: 2, limit: l}, r)
	}
	b := with(first, func(v *view) {
		v.name, v.id, v.value, v.live, v.created, v.lastSeen, v.seenAt = "b", "B", "b", "u0", 2, 2, 2
	})
	const never = math.MaxInt64

	for _, c := range []struct {
		says string
		want porcupine.CheckResult
		ops  []porcupine.Operation
	}{
		{"a load finds what was written", porcupine.Ok, ops(login, write(3, 4, "b", said(done, second)), read(5, 6, said(done, second)))},
		{"a load does not find what was written over", porcupine.Illegal, ops(login, write(3, 4, "b", said(done, second)), read(5, 6, said(done, first)))},
		{"while it is written, both are possible", porcupine.Ok, ops(login, write(3, 8, "b", said(done, second)), read(4, 5, said(done, first)), read(6, 7, said(done, second)))},
		{"but not the old one after the new", porcupine.Illegal, ops(login, write(3, 8, "b", said(done, second)), read(4, 5, said(done, second)), read(6, 7, said(done, first)))},
		{"of two writes to one version one conflicts", porcupine.Ok, ops(login, write(3, 6, "b", said(done, second)), write(4, 5, "c", said(conflict)))},
		{"and never both succeed", porcupine.Illegal, ops(login, write(3, 6, "b", said(done, second)), write(4, 5, "c", said(done, with(second, func(v *view) { v.value = "c" }))))},
		{"a conflict needs another writer", porcupine.Illegal, ops(login, write(3, 4, "b", said(conflict)))},
		{"what is of unknown outcome may have happened", porcupine.Ok, ops(login, write(3, never, "b", said(lost)), read(5, 6, said(done, second)))},
		{"or not, or later", porcupine.Ok, ops(login, write(3, never, "b", said(lost)), read(5, 6, said(done, first)), read(7, 8, said(done, second)))},
		{"but not before it was asked for", porcupine.Illegal, ops(login, read(3, 4, said(done, second)), write(5, never, "b", said(lost)))},
		{"what nobody asked for does not happen", porcupine.Illegal, ops(login, read(3, 4, said(done, second)))},
		{"a rotated token leads to its successor", porcupine.Ok, ops(login, rotate(3, 4, said(done, rotated)), read(5, 6, said(done, old)))},
		{"to no other than was handed out", porcupine.Illegal, ops(login, rotate(3, 4, said(done, rotated)), read(5, 6, said(done, with(old, func(v *view) { v.live = "t2" }))))},
		{"and always to the same, if none was handed out", porcupine.Illegal, ops(login, rotate(3, never, said(lost)), read(5, 6, said(done, old)), read(7, 8, said(done, with(old, func(v *view) { v.live = "t2" }))))},
		{"one that was handed out by a load", porcupine.Ok, ops(login, rotate(3, never, said(lost)), read(5, 6, said(done, old)), read(7, 8, said(done, old)))},
		{"a rotated token is not the current one", porcupine.Illegal, ops(login, rotate(3, 4, said(done, rotated)), read(5, 6, said(done, with(rotated, func(v *view) { v.live = "t0" }))))},
		{"the deleted is gone", porcupine.Ok, ops(login, op(3, 4, call{kind: remove, name: "a"}, said(done)), read(5, 6, said(noSession)), all(7, 8))},
		{"and stays gone", porcupine.Illegal, ops(login, op(3, 4, call{kind: remove, name: "a"}, said(done)), read(5, 6, said(done, first)))},
		{"what nobody deleted is not gone", porcupine.Illegal, ops(login, read(3, 4, said(noSession)))},
		{"unless it was revoked", porcupine.Ok, ops(login, bumped(3, 4, told(revoked)), read(5, 6, said(noSession)))},
		{"and then it does not come back", porcupine.Illegal, ops(login, bumped(3, 4, told(revoked)), read(5, 6, said(noSession)), read(7, 8, said(done, with(first, func(v *view) { v.user = revoked }))))},
		{"a load sees the epoch after a bump", porcupine.Illegal, ops(login, bumped(3, 4, told(revoked)), read(5, 6, said(done, first)))},
		{"two bumps are two", porcupine.Illegal, ops(login, bumped(3, 6, told(revoked)), bumped(4, 5, told(revoked)))},
		{"a login on a revoked stamp is a conflict", porcupine.Ok, ops(login, bumped(3, 4, told(revoked)), another(5, 6, limit{}, said(conflict)))},
		{"and nothing else", porcupine.Illegal, ops(login, bumped(3, 4, told(revoked)), another(5, 6, limit{}, said(done, b)))},
		{"without a revoke it is none", porcupine.Illegal, ops(login, another(5, 6, limit{}, said(conflict)))},
		{"a full cap refuses", porcupine.Ok, ops(login, another(3, 4, limit{max: 1}, said(tooMany)))},
		{"and is not exceeded", porcupine.Illegal, ops(login, another(3, 4, limit{max: 1}, said(done, b)))},
		{"one with room does not", porcupine.Illegal, ops(login, another(3, 4, limit{max: 2}, said(tooMany)))},
		{"the oldest ends, and is named", porcupine.Ok, ops(login, another(3, 4, limit{max: 1, evict: true}, ended(b, "A")), read(5, 6, said(noSession)))},
		{"it is not kept back", porcupine.Illegal, ops(login, another(3, 4, limit{max: 1, evict: true}, said(done, b)))},
		{"and does not live on", porcupine.Illegal, ops(login, another(3, 4, limit{max: 1, evict: true}, ended(b, "A")), read(5, 6, said(done, first)))},
		{"a replaced session is gone", porcupine.Illegal, ops(login, another(3, 4, limit{replace: "a"}, said(done, b)), read(5, 6, said(done, first)))},
		{"one of another version is not replaced", porcupine.Illegal, ops(login, another(3, 4, limit{replace: "a", version: 2}, said(done, b)))},
		{"but is a conflict", porcupine.Ok, ops(login, another(3, 4, limit{replace: "a", version: 2}, said(conflict)), read(5, 6, said(done, first)))},
		{"a session whose login was not answered is found in the list", porcupine.Ok, ops(login, another(3, never, limit{}, said(lost)), all(5, 6, listed(first)), all(7, 8, listed(first), listed(b)))},
		{"a list leaves nobody out", porcupine.Illegal, ops(login, another(3, 4, limit{}, said(done, b)), all(5, 6, listed(first)))},
		{"the idle clock moves forward", porcupine.Ok, ops(login, touched(3, 4, 9), touched(5, 6, 7), read(7, 8, said(done, with(first, func(v *view) { v.lastSeen = 9 }))))},
		{"and never back", porcupine.Illegal, ops(login, touched(3, 4, 9), touched(5, 6, 7), read(7, 8, said(done, with(first, func(v *view) { v.lastSeen = 7 }))))},
	} {
		if got := porcupine.CheckOperationsTimeout(model, c.ops, deadline); got != c.want {
			t.Errorf("%q: the check says %s, want %s", c.says, got, c.want)
		}
	}
}

func ops(list ...porcupine.Operation) []porcupine.Operation { return list }

func op(from, to int64, c call, r result) porcupine.Operation {
	return porcupine.Operation{Input: c, Output: r, Call: from, Return: to}
}

func said(a answer, views ...view) result { return result{answer: a, views: views} }

func told(e nguard.Epoch) result { return result{answer: done, epoch: e} }

func ended(v view, ids ...string) result { return result{answer: done, views: []view{v}, ended: ids} }

func touched(from, to, at int64) porcupine.Operation {
	return op(from, to, call{kind: touch, name: "a", token: "t0", at: at, match: nguard.Current, seenAt: 1}, said(done))
}
