import "./dom.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import { createStore } from "@nguard/browser";
import { createServer } from "@nguard/browser/testing";
import { fakeClock } from "./clock.js";
import { fire } from "./dom.js";
import { pause, signedIn, since, tabs, uma, until } from "./stage.js";

test("a look at the page asks once, with the version that it has", async (t) => {
  const { asked } = await signedIn(t);
  fire("focus");
  fire("visibilitychange");
  await pause(100);
  assert.deepEqual(asked(), ["GET validate 304"]);
});

test("refetchOnFocus: false asks only when the session is over", async (t) => {
  const clock = fakeClock(t);
  const set = signedIn(t, { refetchOnFocus: false });
  await clock.advance(10);
  const { store, asked } = await set;
  fire("focus");
  await clock.advance(10);
  assert.deepEqual(asked(), []);
  clock.sleep(36e5);
  fire("visibilitychange");
  await clock.advance(10);
  assert.deepEqual(asked(), ["GET validate 200"]);
  assert.equal(store.getState().reason, "expired");
});

test("the connection is closed when the page goes, and comes back with it", async (t) => {
  const server = createServer();
  const browser = server.browser();
  browser.signIn(uma.email);
  const [store] = await tabs(t, browser, 1);
  await until(() => server.connections === 1);
  const asked = since(server);
  fire("pageshow", { persisted: false });
  await pause(300);
  assert.deepEqual(asked(), [], "the first pageshow is the page's own loading");
  fire("pagehide", { persisted: true });
  // Browsers say so after it, and a connection or a lock would keep the page out of their cache.
  fire("visibilitychange");
  await pause(100);
  assert.equal(server.connections, 0);
  assert.deepEqual(asked(), []);
  server.change(uma.email, { theme: "dark" });
  fire("pageshow", { persisted: true });
  await until(() => server.connections === 1);
  await until(() => store!.getState().session!.data.theme === "dark");
});

test("a store stops when all who have started it are done", async () => {
  const server = createServer();
  const store = createStore({ ...server.browser().options, events: false });
  const stops = [store.start(), store.start()];
  await store.validate();
  const asked = since(server);
  stops[0]!();
  fire("focus");
  await pause(100);
  assert.equal(asked().length, 1);
  stops[1]!();
  fire("focus");
  await pause(100);
  assert.equal(asked().length, 0);
});
