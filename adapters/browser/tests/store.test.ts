import assert from "node:assert/strict";
import { test } from "node:test";
import { createStore } from "@nguard/browser";
import { createServer } from "@nguard/browser/testing";
import { ada, pause, signedIn, since, tabs, uma, until } from "./stage.js";

test("nothing happens before a store is started", async () => {
  const server = createServer();
  const store = createStore(server.browser().options);
  await pause(5);
  assert.deepEqual(server.requests, []);
  assert.equal(store.getState().status, "loading");
});

test("loading is only before the first answer", async (t) => {
  const server = createServer();
  const [store] = await tabs(t, server.browser(), 1);
  const seen = new Set<string>();
  store!.subscribe(() => seen.add(store!.getState().status));
  assert.equal(store!.getState().status, "unauthenticated");
  assert.equal(store!.getState().error, null);
  await store!.login(uma);
  await store!.validate();
  await store!.logout();
  await store!.validate();
  assert.deepEqual([...seen].sort(), ["authenticated", "unauthenticated"]);
});

test("a server that cannot be reached is no answer", async (t) => {
  const server = createServer();
  server.offline(true);
  const [store] = await tabs(t, server.browser(), 1);
  assert.equal(store!.getState().status, "loading");
  assert.equal(store!.getState().error, "No answer.");
  server.offline(false);
  await until(() => store!.getState().status === "unauthenticated");
});

test("login and logout", async (t) => {
  const server = createServer();
  const [store] = await tabs(t, server.browser(), 1);
  const wrong = await store!.login({ ...uma, password: "wrong" });
  assert.equal(wrong.success, false);
  assert.equal(wrong.error, "The credentials are not right.");
  assert.equal(wrong.code, "bad_credentials");
  assert.equal(store!.getState().error, wrong.error);
  const right = await store!.login(uma);
  assert.equal(right.success, true);
  assert.equal(right.error, undefined);
  assert.equal(right.user?.name, "Uma User");
  assert.equal(right.session, store!.getState().session);
  assert.equal(store!.getState().status, "authenticated");
  assert.equal(store!.getState().error, null);
  const out = await store!.logout();
  assert.equal(out.success, true);
  const { session, status, reason } = store!.getState();
  assert.deepEqual([session, status, reason], [null, "unauthenticated", "logout"]);
});

test("a logout that does not arrive empties the page and says so", async (t) => {
  const { server, store } = await signedIn(t);
  server.offline(true);
  const out = await store.logout();
  assert.equal(out.success, false);
  assert.equal(store.getState().session, null);
  assert.equal(store.getState().error, "No answer.");
});

test("two arguments: only what differs is sent, in one request", async (t) => {
  const { store, asked } = await signedIn(t);
  const { user, data } = store.getState().session!;
  const seen: string[] = [];
  store.subscribe(() => seen.push(store.getState().session!.data.theme));
  const done = store.updateSession(user, { ...data, theme: "dark" });
  assert.equal(store.getState().session!.data.theme, "dark", "shown before the server has answered");
  const result = await done;
  assert.equal(result.success, true);
  assert.equal(result.session!.data.theme, "dark");
  assert.deepEqual(asked(), ["POST update 200"]);
  assert.equal(store.getState().session!.user, user, "equal parts keep their identity");
  await pause(300);
  assert.deepEqual(asked(), []);
});

test("a resent role is no change, and nothing to change is no request", async (t) => {
  const { store, asked } = await signedIn(t);
  const { user, data } = store.getState().session!;
  assert.equal((await store.updateSession({ ...user }, { ...data, permissions: [...data.permissions!] })).success, true);
  assert.deepEqual(asked(), []);
});

test("one object: the form of 0.4", async (t) => {
  const { store, asked } = await signedIn(t);
  assert.equal((await store.updateSession({ user: { name: "U" }, data: { language: "tr" } })).success, true);
  assert.equal((await store.updateSession({ data: { theme: "dark" } })).success, true);
  assert.equal((await store.updateSession({ name: "Uma" })).success, true);
  const { user, data } = store.getState().session!;
  assert.deepEqual([user.name, data.language, data.theme], ["Uma", "tr", "dark"]);
  assert.deepEqual(asked(), Array(3).fill("POST update 200"));
});

test("a refused change is rolled back, then the session is asked for", async (t) => {
  const { server, store, asked } = await signedIn(t);
  server.fault("update", { status: 403 });
  const done = store.updateSession(null, { theme: "dark" });
  assert.equal(store.getState().session!.data.theme, "dark");
  const result = await done;
  assert.deepEqual([result.success, result.status, result.code], [false, 403, "forbidden"]);
  assert.equal(store.getState().session!.data.theme, "light");
  await pause(100);
  assert.deepEqual(asked(), ["POST update 403", "GET validate 304"]);
});

test("authority is never shown before the server has agreed", async (t) => {
  const { store } = await signedIn(t, { protectedFields: ["language"] });
  for (const key of ["role", "permissions", "roles", "isAdmin", "isSuperAdmin", "language"]) {
    const done = store.updateSession({ [key]: "admin" } as any, { [key]: "tr" } as any);
    assert.notEqual((store.getState().session!.user as any)[key], "admin", key);
    assert.notEqual(store.getState().session!.data[key], "tr", key);
    await done;
  }
  assert.equal(store.getState().session!.data.role, "user");
});

test("optimistic: false shows nothing early", async (t) => {
  const { store } = await signedIn(t);
  const done = store.updateSession(null, { theme: "dark" }, { optimistic: false });
  assert.equal(store.getState().session!.data.theme, "light");
  await done;
  assert.equal(store.getState().session!.data.theme, "dark");
});

test("updates wait for each other, none is lost, and the rest stands on what the server says", async (t) => {
  const { server, store, asked } = await signedIn(t);
  server.fault("update", { delay: 30 });
  server.fault("update", { status: 400, delay: 10 });
  const results = [
    store.updateSession(null, { theme: "dark" }),
    store.updateSession({ name: "refused" }),
    store.updateSession(null, { language: "de" }),
  ];
  const shown = () => {
    const { user, data } = store.getState().session!;
    return [data.theme, user.name, data.language];
  };
  assert.deepEqual(shown(), ["dark", "refused", "de"]);
  server.change(uma.email, { notifications: false });
  await results[0];
  assert.deepEqual(shown(), ["dark", "refused", "de"]);
  assert.equal(store.getState().session!.data.notifications, false, "somebody else's change is in it");
  await results[1];
  assert.deepEqual(shown(), ["dark", "Uma User", "de"]);
  assert.deepEqual((await Promise.all(results)).map((r) => r.success), [true, false, true]);
  assert.deepEqual(asked().filter((r) => r.startsWith("POST")), ["POST update 200", "POST update 400", "POST update 200"]);
});

test("a conflict is asked about, and tried once more", async (t) => {
  const { server, store, asked } = await signedIn(t);
  server.fault("update", { status: 409 });
  assert.equal((await store.updateSession(null, { theme: "dark" })).success, true);
  assert.deepEqual(asked(), ["POST update 409", "GET validate 304", "POST update 200"]);
  server.fault("update", { status: 412, times: 2 });
  const result = await store.updateSession(null, { theme: "light" });
  assert.deepEqual([result.success, result.status], [false, 412]);
  assert.equal(store.getState().session!.data.theme, "dark");
});

test("401 on an update: the session is gone, and why is kept", async (t) => {
  const { server, store } = await signedIn(t);
  const events: string[] = [];
  store.subscribe((e) => e && events.push(e.type));
  server.revoke(uma.email);
  const result = await store.updateSession(null, { theme: "dark" });
  assert.deepEqual([result.success, result.status], [false, 401]);
  await until(() => !store.getState().session);
  const { session, status, reason, error } = store.getState();
  assert.deepEqual([session, status, reason, error], [null, "unauthenticated", "revoked", "You are not signed in."]);
  assert.deepEqual(events, ["revoked"]);
  await store.validate();
  assert.equal(store.getState().reason, "revoked");
});

test("a server that refuses everything for ever is not asked for ever", async (t) => {
  const { server, store, asked } = await signedIn(t);
  for (const path of ["validate", "session", "update"]) server.fault(path, { status: 401, times: Infinity });
  await store.updateSession(null, { theme: "dark" });
  await store.updateSession(null, { theme: "dark" });
  await pause(200);
  const requests = asked();
  assert.ok(requests.length < 6, requests.join());
});

test("an update of somebody who has left meanwhile is not sent for the next one", async (t) => {
  const { server, store, asked } = await signedIn(t);
  server.fault("update", { delay: 20 });
  const first = store.updateSession(null, { theme: "dark" });
  const second = store.updateSession(null, { language: "de" });
  await store.logout();
  assert.equal((await first).success, false);
  assert.deepEqual([(await second).success, (await second).session], [false, null]);
  assert.deepEqual(asked().filter((r) => r.includes("update")), ["POST update 401"]);
  assert.equal(store.getState().session, null);
  assert.equal((await store.updateSession(null, { theme: "dark" })).code, "no_session");
});

test("no connection: an update never claims success, and the session stays", async (t) => {
  const { server, store } = await signedIn(t);
  server.offline(true);
  const result = await store.updateSession(null, { theme: "dark" });
  assert.deepEqual([result.success, result.status, result.error], [false, 0, "No answer."]);
  await until(() => store.getState().isStale);
  let state = store.getState();
  assert.deepEqual([state.session!.data.theme, state.isStale, state.status], ["light", true, "authenticated"]);
  server.offline(false);
  await until(() => !store.getState().isStale);
  state = store.getState();
  assert.deepEqual([state.session!.data.theme, state.error], ["light", null]);
});

test("a store that is down signs nobody out", async (t) => {
  const { server, store } = await signedIn(t);
  server.fault("validate", { status: 503 });
  const { valid, session } = await store.validate();
  assert.equal(valid, false);
  assert.ok(session);
  assert.equal(store.getState().isStale, true);
  await until(() => !store.getState().isStale);
});

test("an answer that is no JSON is a failure, and a hint names the path", async (t) => {
  const { server, store } = await signedIn(t);
  const warn = t.mock.method(console, "warn", () => {});
  server.fault("update", { html: "<h1>It works!</h1>" });
  const result = await store.updateSession(null, { theme: "dark" });
  assert.equal(result.success, false);
  assert.equal(store.getState().session!.data.theme, "light");
  assert.match(String(warn.mock.calls[0]!.arguments[0]), /no JSON.*\/api\/auth\/update/);
  server.fault("login", { html: "", status: 200 });
  assert.equal((await store.login(uma)).success, false);
  server.fault("validate", { html: "<h1>Bad gateway</h1>", status: 502 });
  await store.validate();
  assert.ok(store.getState().session);
});

test("a success without a session is asked about, and nothing is made up", async (t) => {
  const { server, store, asked } = await signedIn(t);
  server.fault("update", { json: { ok: true } });
  assert.equal((await store.updateSession(null, { theme: "dark" })).success, true);
  await until(() => store.getState().session!.data.theme === "light");
  assert.deepEqual(asked(), ["POST update 200", "GET validate 304"]);
  server.fault("update", { json: { message: "saved" } });
  const result = await store.updateSession(null, { theme: "dark" });
  assert.deepEqual([result.success, store.getState().session!.data.theme], [false, "light"]);
});

test("endpoints that are not there end the loading", async (t) => {
  t.mock.method(console, "warn", () => {});
  const server = createServer();
  server.fault("validate", { status: 404, html: "not found" });
  const [store] = await tabs(t, server.browser(), 1);
  assert.deepEqual([store!.getState().status, store!.getState().error], ["unauthenticated", "No answer."]);
});

test("an older answer does not undo a newer one", async (t) => {
  const { server, store } = await signedIn(t);
  server.fault("validate", { delay: 40 });
  const slow = store.validate();
  await store.updateSession(null, { theme: "dark" });
  await slow;
  assert.equal(store.getState().session!.data.theme, "dark");
  server.fault("validate", { delay: 40 });
  const slower = store.validate();
  await store.logout();
  await slower;
  assert.equal(store.getState().session, null);
});

test("validate says what the original did", async (t) => {
  const { store } = await signedIn(t);
  const { valid, session, expiresIn, error } = await store.validate();
  assert.deepEqual([valid, session, error], [true, store.getState().session, null]);
  assert.ok(expiresIn > 3500000 && expiresIn <= 3600000);
});

test("two stores know nothing of each other", async (t) => {
  const server = createServer();
  const one = createStore({ ...server.browser().options, crossTab: false });
  const two = createStore({ ...server.browser().options, crossTab: false });
  t.after(one.start());
  t.after(two.start());
  await one.login(uma);
  await two.validate();
  assert.equal(two.getState().session, null);
});

test("a queued update is not sent for the person who signs in meanwhile", async (t) => {
  const server = createServer();
  const browser = server.browser();
  browser.signIn(uma.email);
  const [one, two] = await tabs(t, browser, 2, { events: false });
  const asked = since(server);
  server.fault("update", { status: 429, retryAfter: 0.3 });
  await one!.updateSession(null, { theme: "dark" });
  const queued = one!.updateSession({ name: "Uma's" });
  await two!.login(ada);
  await until(() => one!.getState().session!.user.email === ada.email);
  assert.equal(one!.getState().session!.user.name, "Ada Admin");
  assert.deepEqual([(await queued).success, (await queued).session], [false, null]);
  assert.equal(one!.getState().session!.user.name, "Ada Admin");
  assert.deepEqual(asked().filter((r) => r.includes("update")), ["POST update 429"]);
});

test("a change back is sent too, while the first is on its way", async (t) => {
  const { store, asked } = await signedIn(t);
  const results = await Promise.all([
    store.updateSession(null, { theme: "dark" }, { optimistic: false }),
    store.updateSession(null, { theme: "light" }),
  ]);
  assert.deepEqual(results.map((r) => [r.success, r.session!.data.theme]), [[true, "dark"], [true, "light"]]);
  assert.equal(store.getState().session!.data.theme, "light");
  assert.deepEqual(asked(), ["POST update 200", "POST update 200"]);
});

test("an update that equals one on its way answers by what becomes true", async (t) => {
  const { server, store, asked } = await signedIn(t);
  const twice = () => Promise.all([store.updateSession(null, { theme: "dark" }), store.updateSession(null, { theme: "dark" })]);
  for (const times of [1, 2]) {
    server.fault("update", { status: 400, times });
    const results = await twice();
    assert.deepEqual(results.map((r) => r.success), [false, times === 1]);
    assert.equal(store.getState().session!.data.theme, times === 1 ? "dark" : "light");
    assert.equal(asked().filter((r) => r.startsWith("POST")).length, 2);
    await store.updateSession(null, { theme: "light" });
    await store.validate();
    asked();
  }
  assert.deepEqual((await twice()).map((r) => r.success), [true, true]);
  assert.deepEqual(asked(), ["POST update 200"], "what has become true is not asked for again");
});

test("a conflict that leaves nothing to change is a success", async (t) => {
  const { server, store, asked } = await signedIn(t);
  server.fault("update", { status: 409 });
  const done = store.updateSession(null, { theme: "dark" });
  server.change(uma.email, { theme: "dark" });
  const result = await done;
  assert.deepEqual([result.success, result.status, result.session!.data.theme], [true, 200, "dark"]);
  assert.deepEqual(asked(), ["POST update 409", "GET validate 200"]);
});

test("a listener that throws is reported, and stops nothing", async (t) => {
  const server = createServer();
  const browser = server.browser();
  browser.signIn(uma.email);
  const errors = t.mock.method(console, "error", () => {});
  const [store, other] = await tabs(t, browser, 2, { events: false });
  const heard: unknown[] = [];
  store!.subscribe(() => {
    throw Error("of the application");
  });
  store!.subscribe((event) => heard.push(event?.type));
  assert.equal((await store!.updateSession(null, { theme: "dark" })).success, true);
  assert.equal((await store!.updateSession(null, { language: "de" })).success, true);
  server.revoke(uma.email);
  await store!.validate();
  await until(() => other!.getState().reason === "revoked", "the other tab is told");
  assert.ok(heard.includes("revoked"));
  assert.ok(errors.mock.calls.length > 0 && errors.mock.calls.every((c) => (c.arguments[0] as Error).message === "of the application"));
});

test("what cannot be sent is a failure, is not shown, and stops nothing", async (t) => {
  const { store, asked } = await signedIn(t);
  const results = await Promise.all([store.updateSession(null, { theme: 1n as any }), store.updateSession(null, { language: "de" })]);
  assert.deepEqual(results.map((r) => r.success), [false, true]);
  assert.ok(results[0].error);
  assert.deepEqual([store.getState().session!.data.theme, store.getState().session!.data.language], ["light", "de"]);
  assert.deepEqual(asked().filter((r) => r.startsWith("POST")), ["POST update 200"]);
  assert.equal((await store.login({ email: 1n })).success, false);
});

test("a session without data can be updated", async (t) => {
  const { store } = await signedIn(t);
  store.adoptSession({ user: { id: "3" }, expires: Date.now() + 60000 } as any);
  assert.equal((await store.updateSession(null, { theme: "dark" })).session!.data.theme, "dark");
});

test("an answer that signs nobody in takes back what a failure said", async (t) => {
  const server = createServer();
  const [store] = await tabs(t, server.browser(), 1);
  server.fault("validate", { status: 500 });
  await store!.validate();
  assert.ok(store!.getState().error);
  await store!.validate();
  assert.deepEqual([store!.getState().error, store!.getState().reason], [null, null]);
});
