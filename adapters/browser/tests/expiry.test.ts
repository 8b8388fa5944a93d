import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { createStore, type Reason } from "@nguard/browser";
import { createServer, type Server } from "@nguard/browser/testing";
import { fakeClock } from "./clock.js";
import { since, uma } from "./stage.js";

const setUp = async (t: TestContext, sessionTime: number, skew = 0) => {
  const clock = fakeClock(t);
  const server: Server = createServer({ sessionTime });
  const browser = server.browser();
  browser.signIn(uma.email);
  const { fetch } = browser.options;
  // A server whose clock is another one: absolute times are off, the time that is left is not.
  const skewed: typeof fetch = async (...request) => {
    const r = await fetch(...request);
    const body = r.status === 304 ? null : await r.json();
    if (body?.session) body.session.expires += skew;
    return new Response(body && JSON.stringify(body), r);
  };
  const store = createStore({ ...browser.options, fetch: skewed, events: false });
  const reasons: (Reason | string)[] = [];
  store.subscribe((e) => e && reasons.push(e.type));
  t.after(store.start());
  await clock.advance(20);
  return { clock, server, store, reasons, asked: since(server) };
};

for (const skew of [0, 864e5, -864e5])
  test(`the end is noticed when it comes, with a clock that is off by ${skew} ms`, async (t) => {
    const { clock, store, reasons, asked } = await setUp(t, 60000, skew);
    assert.ok(store.expiresIn() > 59000 && store.expiresIn() <= 60000);
    await clock.advance(59000);
    assert.equal(store.getState().status, "authenticated");
    assert.deepEqual(asked(), []);
    await clock.advance(2000);
    assert.deepEqual([store.getState().status, store.getState().reason], ["unauthenticated", "expired"]);
    assert.deepEqual(reasons, ["expired"]);
    assert.deepEqual(asked(), ["GET validate 200"]);
    assert.equal(store.expiresIn(), 0);
  });

test("a session longer than a timer can wait", async (t) => {
  const { clock, store, asked } = await setUp(t, 60 * 864e5);
  await clock.advance(2 ** 31);
  assert.equal(store.getState().status, "authenticated");
  assert.deepEqual(asked(), []);
  await clock.advance(60 * 864e5 - 2 ** 31 + 1000);
  assert.equal(store.getState().reason, "expired");
});

test("a session that was used elsewhere lives on", async (t) => {
  const { clock, server, store, asked } = await setUp(t, 60000);
  server.extend(uma.email, 120000);
  await clock.advance(61000);
  assert.equal(store.getState().status, "authenticated");
  assert.deepEqual(asked(), ["GET validate 304"]);
  assert.ok(store.expiresIn() > 50000);
});

test("who cannot ask at the end keeps what is shown, marked as stale", async (t) => {
  const { clock, server, store } = await setUp(t, 60000);
  server.offline(true);
  await clock.advance(61000);
  assert.deepEqual([store.getState().status, store.getState().isStale], ["authenticated", true]);
  server.offline(false);
  await clock.advance(70000);
  assert.deepEqual([store.getState().status, store.getState().reason], ["unauthenticated", "expired"]);
});
