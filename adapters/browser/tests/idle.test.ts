import "./dom.js";
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { createStore, type StoreOptions } from "@nguard/browser";
import { createServer } from "@nguard/browser/testing";
import { fakeClock } from "./clock.js";
import { fire } from "./dom.js";
import { pause, signedIn, tabs, uma, until } from "./stage.js";

for (const events of [false, true])
  test(`two open tabs do not keep a session alive that nobody uses, events: ${events}`, async (t) => {
    const clock = fakeClock(t);
    const server = createServer({ idleTime: 60000 });
    const browser = server.browser();
    browser.signIn(uma.email);
    const one = createStore({ ...browser.options, events });
    const two = createStore({ ...browser.options, events });
    t.after(one.start());
    await clock.advance(30000);
    t.after(two.start());
    await clock.advance(59000);
    assert.deepEqual([one.getState().status, two.getState().status], ["authenticated", "authenticated"], "opening a page is use");
    await clock.advance(3000);
    assert.deepEqual([one.getState().session, two.getState().session], [null, null]);
    assert.ok([one, two].some((store) => store.getState().reason === "expired"));
  });

test("a person who looks at the page keeps the session alive", async (t) => {
  const clock = fakeClock(t);
  const server = createServer({ idleTime: 60000 });
  const browser = server.browser();
  browser.signIn(uma.email);
  const store = createStore({ ...browser.options, events: false });
  t.after(store.start());
  for (const look of [() => fire("focus"), () => void store.validate(), () => void store.validate(), () => fire("pageshow", { persisted: true })]) {
    await clock.advance(50000);
    look();
  }
  await clock.advance(50000);
  assert.equal(store.getState().status, "authenticated");
  assert.ok(store.expiresIn() > 9000);
});

/** What each question after the session says of who has caused it. */
const watched = async (t: TestContext, options: StoreOptions = {}) => {
  const server = createServer();
  const browser = server.browser();
  browser.signIn(uma.email);
  const causes: string[] = [];
  const fetch: typeof globalThis.fetch = (input, init) => {
    if (String(input).endsWith("/validate")) causes.push(new Headers(init?.headers).get("nguard-passive") ?? "person");
    return browser.options.fetch(input, init);
  };
  const [store] = await tabs(t, { ...browser, options: { ...browser.options, fetch } }, 1, { events: false, ...options });
  return { server, browser, store: store!, causes: () => causes.splice(0), count: () => causes.length };
};

test("a question says whether a person has caused it", async (t) => {
  const { server, browser, store, causes, count } = await watched(t, { events: true });
  assert.deepEqual(causes(), ["person"], "the start of the page");
  await store.validate();
  assert.deepEqual(causes(), ["person"]);
  fire("focus");
  await until(count);
  assert.deepEqual(causes(), ["person"]);
  await until(() => server.connections === 1);
  await pause(300);

  server.change(uma.email, { language: "de" });
  await until(() => store.getState().session!.data.language === "de");
  assert.deepEqual(causes(), ["1"], "the server's message");

  const [other] = await tabs(t, browser, 1, { events: false });
  causes();
  await other!.updateSession(null, { theme: "dark" });
  await until(() => store.getState().session!.data.theme === "dark");
  assert.deepEqual(causes(), ["1"], "another tab's message");

  await store.fetch("/api/users");
  await until(count);
  assert.deepEqual(causes(), ["1"], "a refusal");

  server.fault("validate", { status: 500 });
  await store.validate();
  assert.deepEqual(causes(), ["person"]);
  await until(() => !store.getState().isStale);
  assert.deepEqual(causes(), ["1"], "another try");
  await store.validate(true);
  assert.deepEqual(causes(), ["1"], "an application that asks by itself");
});

test("a version that differs is no use", async (t) => {
  const { server, store, causes } = await watched(t);
  causes();
  server.change(uma.email, { language: "de" });
  await store.fetch("/api/auth/session");
  await until(() => store.getState().session!.data.language === "de");
  assert.deepEqual(causes(), ["1"]);
});

test("who asks while a question is on its way that nobody has caused asks too", async (t) => {
  const { server, store, causes, count } = await watched(t);
  causes();
  server.fault("validate", { delay: 30 });
  await store.fetch("/api/users");
  await until(count);
  await Promise.all([store.validate(), store.validate()]);
  assert.deepEqual(causes(), ["1", "person"]);
});

test("304 says when the session ends", async (t) => {
  const { server, store, asked } = await signedIn(t);
  server.extend(uma.email, 30000);
  assert.ok((await store.validate()).expiresIn <= 30000);
  server.extend(uma.email, 1800000);
  const { expiresIn } = await store.validate();
  assert.ok(expiresIn > 1790000 && expiresIn <= 1800000, String(expiresIn));
  assert.deepEqual(asked(), ["GET validate 304", "GET validate 304"]);
});
