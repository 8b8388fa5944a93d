import assert from "node:assert/strict";
import { test } from "node:test";
import { retryAfter } from "../src/hold.js";
import { fakeClock } from "./clock.js";
import { signedIn, since, tabs, uma, until } from "./stage.js";
import { createServer } from "@nguard/browser/testing";

const wait = (value: string) => retryAfter(new Response(null, { headers: { "retry-after": value } }));

test("Retry-After is seconds or a date", (t) => {
  fakeClock(t, Date.UTC(2030, 0, 1));
  assert.equal(wait("2"), 2000);
  assert.equal(wait("0"), 0);
  assert.equal(wait("Tue, 01 Jan 2030 00:01:00 GMT"), 60000);
  assert.equal(wait("Mon, 31 Dec 2029 00:00:00 GMT"), 0);
  assert.equal(wait("soon"), 0);
  assert.equal(wait("-5"), 0);
  assert.equal(retryAfter(new Response()), 0);
});

for (const status of [429, 503])
  for (const form of ["seconds", "a date"])
    test(`${status} with ${form}: later requests wait, and the refused one says how long`, async (t) => {
      const { server, store, asked } = await signedIn(t);
      const now = Math.ceil(Date.now() / 1000) * 1000;
      const clock = fakeClock(t, now);
      const events: any[] = [];
      store.subscribe((e) => e && events.push(e));
      server.fault("update", { status, retryAfter: form === "seconds" ? 30 : new Date(now + 30000).toUTCString() });
      const refused = store.updateSession(null, { theme: "dark" });
      await clock.advance(50);
      const result = await refused;
      assert.equal(result.success, false);
      assert.ok(result.retryAfter! > 29000 && result.retryAfter! <= 30000, String(result.retryAfter));
      assert.equal(store.getState().session!.data.theme, "light");
      assert.ok(store.getState().retryAfter! > Date.now() + 29000);
      assert.deepEqual([events[0].type, events[0].path], ["rate_limited", "/api/auth/update"]);
      asked();
      const later = store.updateSession(null, { language: "de" });
      assert.equal(store.getState().session!.data.language, "de", "shown while it waits");
      await clock.advance(29000);
      assert.ok(!asked().some((r) => r.includes("update")));
      await clock.advance(1500);
      assert.equal((await later).success, true);
      assert.ok(asked().includes("POST update 200"));
    });

test("other tabs wait too", async (t) => {
  const server = createServer();
  const browser = server.browser();
  browser.signIn(uma.email);
  const [one, two] = await tabs(t, browser, 2, { events: false });
  const asked = since(server);
  server.fault("update", { status: 429, retryAfter: 1 });
  const began = Date.now();
  await one!.updateSession(null, { theme: "dark" });
  await until(() => two!.getState().retryAfter);
  assert.equal((await two!.updateSession(null, { language: "de" })).success, true);
  assert.ok(Date.now() - began >= 1000);
  assert.deepEqual(asked().filter((r) => r.startsWith("POST")), ["POST update 429", "POST update 200"]);
});

test("what is limited for one path does not hold the others", async (t) => {
  const { server, store, asked } = await signedIn(t);
  server.fault("update", { status: 429, retryAfter: 60 });
  const clock = fakeClock(t);
  const refused = store.updateSession(null, { theme: "dark" });
  await clock.advance(20);
  await refused;
  asked();
  const validated = store.validate();
  await clock.advance(20);
  await validated;
  assert.deepEqual(asked(), ["GET validate 304"]);
});

test("reads are held back too, and the session stays", async (t) => {
  const { server, store, asked } = await signedIn(t);
  server.fault("validate", { status: 429, retryAfter: 0.1 });
  await store.validate();
  assert.deepEqual([store.getState().isStale, store.getState().status], [true, "authenticated"]);
  await store.validate();
  assert.deepEqual([store.getState().isStale, store.getState().status], [false, "authenticated"]);
  assert.deepEqual(asked(), ["GET validate 429", "GET validate 304"]);
});

test("an action does not wait for the hold of another path", async (t) => {
  const { server, store, asked } = await signedIn(t);
  const clock = fakeClock(t);
  const done = async <T>(work: Promise<T>) => {
    let result: T | undefined;
    void work.then((r) => (result = r));
    await clock.advance(100);
    return result!;
  };
  server.fault("validate", { status: 429, retryAfter: 60 });
  await done(store.validate());
  server.fault("update", { status: 400 });
  assert.equal((await done(store.updateSession(null, { theme: "dark" })))?.status, 400);
  assert.equal((await done(store.login({ ...uma, password: "?" })))?.status, 401);
  asked();
  await clock.advance(61000);
  assert.ok(asked().every((r) => r === "GET validate 304"));
});

test("the application's own requests and the actions share what they know of a path", async (t) => {
  const { server, store, asked } = await signedIn(t);
  const clock = fakeClock(t);
  const events: any[] = [];
  store.subscribe((e) => e && events.push(e.path));
  server.fault("update", { status: 429, retryAfter: 30 });
  void store.fetch("/api/auth/update", { method: "POST", body: '{"theme":"dark"}' });
  await clock.advance(100);
  assert.deepEqual(events, ["/api/auth/update"]);
  asked();
  const own = store.updateSession(null, { theme: "dark" });
  const other = store.fetch("/api/auth/update", { method: "POST", body: '{"language":"de"}' });
  await clock.advance(29000);
  assert.deepEqual(asked(), []);
  await clock.advance(2000);
  assert.deepEqual([(await own).success, (await other).ok], [true, true]);
});
