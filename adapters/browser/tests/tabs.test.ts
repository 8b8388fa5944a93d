import assert from "node:assert/strict";
import { test } from "node:test";
import { createStore } from "@nguard/browser";
import { createServer } from "@nguard/browser/testing";
import { fakeClock } from "./clock.js";
import { pause, since, tabs, uma, until } from "./stage.js";

test("login, update and logout in one tab reach the others, with one request each", async (t) => {
  const server = createServer();
  const [one, ...others] = await tabs(t, server.browser(), 4, { events: false });
  const asked = since(server);
  await one!.login(uma);
  await until(() => others.every((s) => s.getState().status === "authenticated"));
  await pause(300);
  assert.deepEqual(asked(), ["POST login 200", ...Array(3).fill("GET validate 200")]);
  await one!.updateSession(null, { theme: "dark" });
  await until(() => others.every((s) => s.getState().session?.data.theme === "dark"));
  await pause(300);
  assert.deepEqual(asked(), ["POST update 200", ...Array(3).fill("GET validate 200")]);
  await one!.logout();
  await until(() => others.every((s) => s.getState().status === "unauthenticated"));
  assert.deepEqual(others.map((s) => s.getState().reason), Array(3).fill("logout"));
  await pause(300);
  assert.deepEqual(asked(), ["POST logout 200", ...Array(3).fill("GET validate 200")]);
});

test("an end that one tab notices is told to all", async (t) => {
  const server = createServer();
  const browser = server.browser();
  browser.signIn(uma.email);
  const all = await tabs(t, browser, 4, { events: false });
  const asked = since(server);
  server.revoke(uma.email);
  await all[0]!.validate();
  await until(() => all.every((s) => s.getState().reason === "revoked"));
  await pause(300);
  assert.equal(asked().length, 4);
});

test("a tab that has the version already gets 304", async (t) => {
  const server = createServer();
  const browser = server.browser();
  browser.signIn(uma.email);
  const [one, two] = await tabs(t, browser, 2, { events: false });
  const asked = since(server);
  const before = two!.getState().session;
  one!.adoptSession(one!.getState().session);
  await pause(300);
  assert.deepEqual(asked(), ["GET validate 304"]);
  assert.equal(two!.getState().session, before);
});

test("what tabs tell each other has no session data", async (t) => {
  const server = createServer();
  const channel = new BroadcastChannel("/api/auth");
  t.after(() => channel.close());
  const told: any[] = [];
  channel.onmessage = (e: any) => told.push(e.data);
  const [one] = await tabs(t, server.browser(), 1);
  await one!.login(uma);
  server.fault("update", { status: 429, retryAfter: 0.01 });
  await one!.updateSession(null, { theme: "dark" });
  await one!.updateSession({ name: "U" }, { theme: "dark" });
  await one!.logout();
  await until(() => told.some((m) => m.reason === "logout"));
  for (const message of told) for (const key of Object.keys(message)) assert.ok(["version", "reason", "path", "retryAfter"].includes(key), key);
});

test("ten tabs have one connection, and all hear of somebody else's change, with one request each", async (t) => {
  const server = createServer();
  const browser = server.browser();
  browser.signIn(uma.email);
  const all = await tabs(t, browser, 10);
  await until(() => server.connections === 1);
  await pause(300);
  assert.equal(server.requests.filter((r) => r.includes("events")).length, 1);
  const asked = since(server);
  const heard: string[] = [];
  for (const store of all) store.subscribe((e) => e && heard.push(e.type));
  server.change(uma.email, { role: "moderator" });
  await until(() => all.every((s) => s.getState().session!.role === "moderator"));
  assert.ok(all.every((s) => s.getState().permissions.includes("posts:edit")));
  await pause(300);
  assert.deepEqual(asked(), Array(10).fill("GET validate 200"));
  assert.deepEqual(heard, Array(10).fill("updated"));
});

test("an own update is one request, although the server tells of it", async (t) => {
  const server = createServer();
  const browser = server.browser();
  browser.signIn(uma.email);
  const [one] = await tabs(t, browser, 1);
  await until(() => server.connections === 1);
  await pause(300);
  const asked = since(server);
  await one!.updateSession(null, { theme: "dark" });
  await pause(400);
  assert.deepEqual(asked(), ["POST update 200"]);
});

test("another tab takes over when the leader closes, and hears what came between", async (t) => {
  const server = createServer();
  const browser = server.browser();
  browser.signIn(uma.email);
  const leader = createStore(browser.options);
  const stop = leader.start();
  await leader.validate();
  await until(() => server.connections === 1);
  const [next] = await tabs(t, browser, 1);
  await pause(300);
  assert.equal(server.connections, 1);
  stop();
  server.change(uma.email, { theme: "dark" });
  await until(() => server.connections === 1);
  await until(() => next!.getState().session!.data.theme === "dark");
});

test("a revoked session signs out every tab, and ends the connection", async (t) => {
  const server = createServer();
  const browser = server.browser();
  browser.signIn(uma.email);
  const all = await tabs(t, browser, 3);
  await until(() => server.connections === 1);
  server.revoke(uma.email);
  await until(() => all.every((s) => s.getState().reason === "revoked"));
  await pause(250);
  assert.equal(server.connections, 0);
  await all[0]!.login(uma);
  await until(() => server.connections === 1 && all.every((s) => s.getState().status === "authenticated"));
});

test("an expired session is told by the server", async (t) => {
  const server = createServer({ sessionTime: 150 });
  const browser = server.browser();
  browser.signIn(uma.email);
  const all = await tabs(t, browser, 2);
  await until(() => all.every((s) => s.getState().reason === "expired"));
});

test("a new login in a tab that is signed in moves the connection to the new session", async (t) => {
  const server = createServer();
  const [one] = await tabs(t, server.browser(), 1);
  await one!.login(uma);
  await until(() => server.connections === 1);
  await one!.login(uma);
  await pause(300);
  assert.equal(one!.getState().status, "authenticated");
  await until(() => server.connections === 1);
  server.change(uma.email, { theme: "dark" });
  await until(() => one!.getState().session!.data.theme === "dark");
});

test("without locks, without EventSource or without events nothing is opened", async (t) => {
  const server = createServer();
  const browser = server.browser();
  browser.signIn(uma.email);
  await tabs(t, browser, 1, { events: false });
  await tabs(t, browser, 1, { locks: null });
  await tabs(t, browser, 1, { EventSource: null });
  await pause(200);
  assert.equal(server.requests.filter((r) => r.includes("events")).length, 0);
});

test("a connection that breaks comes back, and what came between is heard", async (t) => {
  const server = createServer();
  const browser = server.browser();
  browser.signIn(uma.email);
  const [one] = await tabs(t, browser, 1);
  await until(() => server.connections === 1);
  server.offline(true);
  await until(() => server.connections === 0);
  server.change(uma.email, { theme: "dark" });
  server.offline(false);
  await until(() => one!.getState().session!.data.theme === "dark");
});

test("a connection that is refused is tried later, and not before", async (t) => {
  const clock = fakeClock(t);
  const server = createServer();
  const browser = server.browser();
  browser.signIn(uma.email);
  server.fault("events", { status: 503, times: 2 });
  const store = createStore(browser.options);
  t.after(store.start());
  await clock.advance(1000);
  const asked = since(server);
  assert.equal(server.connections, 0);
  await clock.advance(14000);
  assert.deepEqual(asked(), []);
  await clock.advance(60000);
  assert.equal(server.connections, 1);
  assert.deepEqual(asked(), ["GET events 503", "GET validate 304", "GET events 200"]);
});

test("a session that ended while the connection was down is noticed by all", async (t) => {
  const server = createServer();
  const browser = server.browser();
  browser.signIn(uma.email);
  const all = await tabs(t, browser, 2);
  await until(() => server.connections === 1);
  await pause(300);
  server.offline(true);
  await until(() => server.connections === 0);
  server.revoke(uma.email);
  server.offline(false);
  await until(() => all.every((s) => s.getState().reason === "revoked"));
});

test("without crossTab each tab has a connection of its own, and closes it", async () => {
  const server = createServer();
  const browser = server.browser();
  browser.signIn(uma.email);
  const stores = [1, 2].map(() => createStore({ ...browser.options, crossTab: false }));
  const stops = stores.map((s) => s.start());
  await until(() => server.connections === 2);
  server.change(uma.email, { role: "moderator" });
  await until(() => stores.every((s) => s.getState().session!.data.role === "moderator"));
  for (const stop of stops) stop();
  await until(() => server.connections === 0);
});

test("where no version is known, each message is a reason to ask", async (t) => {
  const server = createServer();
  const browser = server.browser();
  const bare: typeof fetch = async (...request) => {
    const r = await browser.options.fetch(...request);
    r.headers.delete("nguard-session-version");
    return r;
  };
  const [one, two] = await tabs(t, browser, 2, { events: false, fetch: bare });
  await one!.login(uma);
  await until(() => two!.getState().status === "authenticated");
  await one!.updateSession(null, { theme: "dark" });
  await until(() => two!.getState().session!.data.theme === "dark");
  const asked = since(server);
  await pause(400);
  assert.deepEqual(asked(), [], "nobody answers a message with one");
});
