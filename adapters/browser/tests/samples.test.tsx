import "./dom.js";
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { act, type ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { SessionProvider, useStore } from "@nguard/browser/react";
import type { Store } from "@nguard/browser";
import { click } from "./dom.js";
import { ada, pause, uma } from "./stage.js";
import { AdminPanel } from "./samples/adminpanel.js";
import { AdoptButton } from "./samples/adopt.js";
import { show } from "./samples/plain.js";
import { Root } from "./samples/provider.js";
import { RoleButton } from "./samples/rolebutton.js";
import { greets } from "./samples/testing.js";
import { ThemeButtons } from "./samples/theme.js";
import { targets } from "./target.js";

(globalThis as any).IS_REACT_ACT_ENVIRONMENT = true;

/** A page in a browser where somebody has logged in. */
const page = async (options: any, who: object, element: ReactNode) => {
  const container = document.body.appendChild(document.createElement("div"));
  const root = createRoot(container);
  let store!: Store;
  const Keep = () => ((store = useStore()), null);
  const render = (shown: ReactNode) =>
    act(async () => root.render(<SessionProvider {...options} crossTab={false} events={false}><Keep />{shown}</SessionProvider>));
  await render(null);
  await act(async () => assert.equal((await store.login(who)).success, true));
  await render(element);
  // React shows what has changed when an act ends.
  const soon = async (what: () => unknown, words?: string) => {
    for (let tries = 0; !what() && tries < 200; tries++) await act(() => pause(5));
    assert.ok(what(), words ?? what.toString());
  };
  const shows = (words: string) => soon(() => container.textContent!.includes(words), `"${words}" in "${container.textContent}"`);
  return {
    container,
    store,
    shows,
    soon,
    press: (selector: string) => act(async () => (click(container, selector), await pause(5))),
    close: () => act(async () => root.unmount()),
  };
};

for (const target of targets()) {
  test(`role button, theme buttons and admin panel as existing applications have them: ${target.name}`, async () => {
    const browser = target.browser();
    const asked: string[] = [];
    const fetch: typeof globalThis.fetch = (input, init) => (asked.push(String(input)), browser.fetch(input, init));
    const people = await page({ ...browser, fetch }, uma, <><RoleButton role="admin" fetch={fetch} /><ThemeButtons /></>);
    await people.shows("user");
    await people.press("p:nth-of-type(1) button");
    await people.shows("You may not do this.");
    assert.equal(people.container.querySelector("b")!.textContent, "user");
    asked.length = 0;
    await people.press("p:nth-of-type(2) button:nth-of-type(2)");
    await people.soon(() => people.store.getState().session!.data.theme === "dark");
    assert.equal(people.container.querySelector("[aria-pressed=true]")!.textContent, "dark");
    await act(() => pause(300));
    assert.deepEqual(asked, ["/api/auth/update"]);
    await people.press("p:nth-of-type(2) button:nth-of-type(1)");

    const panel = await page(target.browser(), ada, <><AdminPanel /><RoleButton role="admin" /></>);
    await act(() => panel.store.validate());
    assert.ok(panel.store.getState().permissions.includes("users:read"));
    await panel.shows("Uma User");
    const select = () => [...panel.container.querySelectorAll("label")].find((l) => l.textContent!.startsWith("Uma"))!.querySelector("select")!;
    await act(async () => {
      const set = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(select()), "value")!.set!;
      set.call(select(), "moderator");
      select().dispatchEvent(new Event("change", { bubbles: true }));
    });
    await panel.soon(() => select().value === "moderator");
    await act(() => people.store.validate());
    assert.equal(people.store.getState().session!.data.role, "moderator");
    await people.shows("moderator");
    await act(() => panel.store.fetch("/api/auth/update-role", { method: "POST", body: '{"userId":"3","newRole":"user"}' }));
    await act(() => people.store.logout());
    await act(() => panel.store.logout());
    await people.close();
    await panel.close();
  });
}

for (const target of targets())
  test(`fetch then updateSession, for somebody who may: ${target.name}`, async () => {
    const admin = await page(target.browser(), ada, null);
    const change = async (newRole: string) => {
      const r = await admin.store.fetch("/api/auth/update-role", { method: "POST", body: JSON.stringify({ userId: "3", newRole }) });
      assert.equal(r.status, 200);
    };
    await act(() => change("admin"));
    const options = target.browser();
    const asked: string[] = [];
    const fetch: typeof globalThis.fetch = (input, init) => (asked.push(String(input)), options.fetch(input, init));
    const own = await page({ ...options, fetch }, uma, <RoleButton role="moderator" fetch={fetch} />);
    await own.press("button");
    await own.shows("You are moderator now");
    assert.equal(own.store.getState().session!.data.role, "moderator");
    assert.deepEqual(own.store.getState().permissions, ["posts:edit"]);
    await act(() => change("user"));
    await own.close();
    await admin.close();
  });

test("adoptSession makes it one request", async () => {
  const [{ browser }] = targets() as [any];
  const options = browser();
  const asked: string[] = [];
  const fetch = (input: any, init: any) => (asked.push(String(input)), options.fetch(input, init));
  const own = await page({ ...options, fetch }, ada, <AdoptButton role="moderator" />);
  asked.length = 0;
  await own.press("button");
  await own.shows("moderator to moderator");
  await act(() => pause(300));
  assert.deepEqual(asked, ["/api/auth/update"]);
  await own.close();
});

test("without a framework, in a provider, and in a test", async () => {
  const drawn: string[] = [];
  const { store, stop } = show((words) => drawn.push(words), { ...targets()[0]!.browser(), events: false });
  await store.login({ ...ada });
  stop();
  assert.equal(drawn.at(-1), "Ada Admin edits");
  assert.ok(Root);
  await greets();
});

test("the README shows these samples, word for word", () => {
  const readme = readFileSync("README.md", "utf8");
  const samples = readdirSync("tests/samples").map((name) => readFileSync("tests/samples/" + name, "utf8").trim());
  const blocks = [...readme.matchAll(/```tsx?\n([\s\S]*?)```/g)].map((m) => m[1]!.trim());
  assert.ok(blocks.length >= 5);
  for (const block of blocks) assert.ok(samples.includes(block) || readFileSync("tests/types/register.ts", "utf8").includes(block), block);
});
