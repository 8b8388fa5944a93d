import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { createStore, type Store, type StoreOptions } from "@nguard/browser";
import { createServer, type Browser, type Server } from "@nguard/browser/testing";

export const password = "nguard-demo";
export const uma = { email: "user@example.com", password };
export const ada = { email: "admin@example.com", password };

/** Waits until something is so, at most twenty seconds. */
export const until = async (what: () => unknown, words = what.toString()) => {
  const end = performance.now() + 20_000;
  while (!what()) {
    assert.ok(performance.now() < end, "did not happen: " + words);
    await pause(2);
  }
};

export const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** Stores of tabs of one browser, started, with their first answers. */
export const tabs = async (t: TestContext, browser: Browser, count: number, options: StoreOptions = {}): Promise<Store[]> => {
  const stores = Array.from({ length: count }, () => createStore({ ...browser.options, ...options }));
  for (const store of stores) t.after(store.start());
  await Promise.all(stores.map((store) => store.validate()));
  return stores;
};

/** A server, a browser where Uma is signed in, and one tab. Without events, unless they are asked for. */
export const signedIn = async (t: TestContext, options: StoreOptions = {}) => {
  const server = createServer();
  const browser = server.browser();
  browser.signIn(uma.email);
  const [store] = await tabs(t, browser, 1, { events: false, ...options });
  return { server, browser, store: store!, asked: since(server) };
};

/** The requests since now, or since the last call. */
export const since = (server: Server) => {
  let seen = server.requests.length;
  return () => {
    const news = server.requests.slice(seen).map((r) => r.replace("/api/auth/", ""));
    seen = server.requests.length;
    return news;
  };
};
