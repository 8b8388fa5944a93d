import assert from "node:assert/strict";
import { test } from "node:test";
import { fakeClock } from "./clock.js";
import { pause, signedIn, uma, until } from "./stage.js";

test("a version that differs is asked about once, however many answers name it", async (t) => {
  const { server, store, asked } = await signedIn(t);
  server.change(uma.email, { theme: "dark" });
  await Promise.all(Array.from({ length: 5 }, () => store.fetch("/api/auth/session")));
  await until(() => store.getState().session!.data.theme === "dark");
  await pause(300);
  assert.equal(asked().filter((r) => r.includes("validate")).length, 1);
});

test("an equal version is not asked about", async (t) => {
  const { store, asked } = await signedIn(t);
  await store.fetch("/api/auth/session");
  await pause(300);
  assert.deepEqual(asked(), ["GET session 200"]);
});

test("fetch, then adoptSession: one request", async (t) => {
  for (const name of ["fetch", "store.fetch"])
    for (const bare of [false, true]) {
      const { browser, store, asked } = await signedIn(t);
      const fetch = name === "fetch" ? browser.options.fetch : store.fetch;
      const r = await fetch("/api/auth/update", { method: "POST", body: JSON.stringify({ theme: "dark" }) });
      const answer: any = await r.json();
      store.adoptSession(bare ? answer.session : answer);
      assert.equal(store.getState().session!.data.theme, "dark");
      await pause(300);
      assert.deepEqual(asked(), ["POST update 200"]);
      // Of a session that somebody else has fetched the version is not known: the next that is named is asked about, once.
      await store.fetch("/api/auth/session");
      await pause(300);
      assert.deepEqual(asked(), ["GET session 200", ...(name === "fetch" ? ["GET validate 200"] : [])]);
      await store.fetch("/api/auth/session");
      await pause(300);
      assert.deepEqual(asked(), ["GET session 200"]);
      await store.logout();
    }
});

test("an adopted session with another role: a whole answer tells what it may do, a bare one is asked about", async (t) => {
  for (const bare of [false, true]) {
    const { server, browser, store, asked } = await signedIn(t);
    server.change(uma.email, { role: "moderator" });
    const answer: any = await (await browser.options.fetch("/api/auth/session")).json();
    store.adoptSession(bare ? answer.session : answer);
    await until(() => store.getState().permissions.includes("posts:edit"));
    assert.deepEqual(asked(), ["GET session 200", ...(bare ? ["GET validate 200"] : [])]);
    await store.logout();
  }
});

test("403 of the application: the session is asked for, and the answer is the application's", async (t) => {
  const { store, asked } = await signedIn(t);
  const r = await store.fetch("/api/users");
  assert.equal(r.status, 403);
  await pause(100);
  assert.deepEqual(asked(), ["GET /api/users 403", "GET validate 304"]);
});

test("401 of the application ends the session when the server agrees", async (t) => {
  const { server, store } = await signedIn(t);
  server.revoke(uma.email);
  await store.fetch("/api/users");
  await until(() => store.getState().reason === "revoked");
});

test("401 about something else leaves the session alone", async (t) => {
  const { server, store, asked } = await signedIn(t);
  server.fault("/api/users", { status: 401 });
  await store.fetch("/api/users");
  await pause(300);
  assert.deepEqual(asked(), ["GET /api/users 401"]);
  assert.equal(store.getState().status, "authenticated");
});

test("429 of the application holds that path", async (t) => {
  const { server, store } = await signedIn(t);
  const events: any[] = [];
  store.subscribe((e) => e && events.push(e.type + " " + e.path));
  server.fault("/api/users", { status: 429, retryAfter: 1 });
  const began = Date.now();
  await store.fetch("/api/users");
  const order: string[] = [];
  const fetched = (path: string) => store.fetch(path).then(() => order.push(path));
  await Promise.all([fetched("/api/users"), fetched("/api/auth/session")]);
  assert.deepEqual(order, ["/api/auth/session", "/api/users"]);
  assert.ok(Date.now() - began >= 1000);
  assert.deepEqual(events, ["rate_limited /api/users"]);
});

test("a version that is named long after adoptSession is not taken for that of the adopted session", async (t) => {
  const { server, browser, store } = await signedIn(t);
  const clock = fakeClock(t);
  const fetched = browser.options.fetch("/api/auth/update", { method: "POST", body: '{"theme":"dark"}' });
  await clock.advance(10);
  store.adoptSession((await (await fetched).json()) as any);
  await clock.advance(60000);
  server.change(uma.email, { role: "moderator" });
  void store.fetch("/api/auth/session");
  await clock.advance(1000);
  assert.equal(store.getState().session!.data.role, "moderator");
});

test("adopting nothing asks", async (t) => {
  for (const nothing of [null, undefined, {}, { error: "no" }]) {
    const { store, asked } = await signedIn(t);
    store.adoptSession(nothing as any);
    await pause(100);
    assert.deepEqual(asked(), ["GET validate 304"]);
    assert.ok(store.getState().session);
    await store.logout();
  }
});
