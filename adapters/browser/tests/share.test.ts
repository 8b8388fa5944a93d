import assert from "node:assert/strict";
import { test } from "node:test";
import { diff, merge, share } from "../src/share.js";

test("equal parts keep their identity", () => {
  const a = { user: { id: "1", tags: ["x", { y: 1 }] }, data: { theme: "light" } };
  assert.equal(share(a, structuredClone(a)), a);
  const b = share(a, { ...structuredClone(a), data: { theme: "dark" } });
  assert.notEqual(b, a);
  assert.equal(b.user, a.user);
  assert.deepEqual(b.data, { theme: "dark" });
});

test("what is not equal is not taken for it", () => {
  for (const [a, b] of [
    [[1, 2], [1]], [[1], [1, 2]], [{ a: 1 }, { b: 1 }], [{ y: 1 }, { x: undefined }], [[], {}], [null, {}], [{}, null],
    [0, false], ["1", 1], [undefined, null], [{ a: new Date(1) }, { a: new Date(2) }],
  ])
    assert.deepEqual(share(a, b), b);
});

test("what an answer calls __proto__ changes no other object", () => {
  const answer = JSON.parse('{"user":{"__proto__":{"stolen":1}},"data":{"__proto__":{"stolen":1}},"__proto__":{"stolen":1}}');
  merge(share({ user: {}, data: {} }, answer), answer);
  diff(answer, answer);
  assert.equal(({} as any).stolen, undefined);
});

test("a difference has only what differs", () => {
  const s = { user: { id: "1", name: "Uma" }, data: { theme: "light", list: [1, { a: 2 }], role: "user" } };
  assert.equal(diff(s, s), undefined);
  assert.deepEqual(diff(s, { user: { ...s.user }, data: { ...s.data, list: [1, { a: 2 }] } }), undefined);
  assert.deepEqual(diff(s, { user: { name: "U" }, data: { theme: "dark", role: "user" } }), { user: { name: "U" }, data: { theme: "dark" } });
  assert.deepEqual(diff(s, { data: { role: "admin", theme: "dark" } }, (key) => key === "role"), { data: { theme: "dark" } });
  assert.equal(diff(s, { user: null, data: undefined }), undefined);
});

test("a merge is one level deep", () => {
  const s: any = { user: { id: "1" }, data: { a: { b: 1, c: 2 } }, expires: 1 };
  assert.deepEqual(merge(s, { data: { a: { b: 3 } } }), { user: { id: "1" }, data: { a: { b: 3 } }, expires: 1 });
});
