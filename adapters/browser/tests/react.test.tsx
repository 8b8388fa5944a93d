import "./dom.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import { StrictMode, Suspense, act } from "react";
import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { createStore, type SessionEvent } from "@nguard/browser";
import {
  Can, SessionProvider, useAuth, useCan, useLogin, useLogout, useSession, useSessionEvents, useSessionExpiry, useSessionUpdate, useValidateSession,
} from "@nguard/browser/react";
import { createServer, renderWithSession, type RenderOptions } from "@nguard/browser/testing";
import { click } from "./dom.js";
import { password, pause, since, uma, until } from "./stage.js";

const as = uma.email;
const quiet: RenderOptions = { as, events: false };

test("a component that shows only the name does not render when the theme changes, and that is one request", async () => {
  const renders: Record<string, number> = {};
  const count = (name: string) => (renders[name] = (renders[name] ?? 0) + 1);
  const Name = () => (count("name"), <b>{useSession((s) => s.session?.user.name)}</b>);
  const User = () => (count("user"), <i>{useSession((s) => s.session?.user)?.email}</i>);
  const Picked = () => (count("picked"), <u>{useSession((s) => ({ id: s.session?.user.id, mail: s.session?.user.email })).id}</u>);
  const May = () => (count("may"), <u>{String(useCan("posts:edit"))}</u>);
  const Own = () => (count("own"), <u>{useSession((s) => s.session, (a, b) => a?.user.id === b?.user.id)?.user.id}</u>);
  const Theme = () => (count("theme"), <em>{useSession((s) => s.session?.data.theme)}</em>);
  const { container, store, server, act, unmount } = await renderWithSession(<><Name /><User /><Picked /><May /><Own /><Theme /></>, quiet);
  assert.match(container.innerHTML, /<b>Uma User<\/b><i>user@example.com<\/i><u>3<\/u><u>false<\/u><u>3<\/u><em>light<\/em>/);
  const before = { ...renders };
  const asked = since(server);
  await act(() => store.updateSession(null, { theme: "dark" }));
  assert.match(container.innerHTML, /<em>dark<\/em>/);
  assert.deepEqual({ ...renders, theme: 0 }, { ...before, theme: 0 });
  assert.equal(renders.theme, before.theme! + 1, "shown early, and not once more when the server agrees");
  assert.deepEqual(asked(), ["POST update 200"]);
  await unmount();
});

test("useCan and Can follow a role that somebody else changes", async () => {
  const { container, server, act, unmount } = await renderWithSession(<Can do="posts:edit" fallback={<p>no</p>}><p>edit</p></Can>, { as });
  assert.equal(container.textContent, "no");
  await act(() => until(() => server.connections === 1));
  server.change(as, { role: "moderator" });
  // React shows what has changed when an act ends.
  const edits = () => container.textContent === "edit";
  for (let tries = 0; !edits() && tries < 200; tries++) await act(() => pause(5));
  assert.ok(edits());
  await unmount();
});

test("the actions say what they do", async () => {
  const seen: string[] = [];
  const Page = () => {
    const { login, isLoading, error } = useLogin();
    const { logout } = useLogout();
    const { validate } = useValidateSession();
    const auth = useAuth();
    seen.push(`${isLoading} ${error} ${auth.user?.name} ${auth.isAuthenticated}`);
    return (
      <>
        <button id="in" onClick={() => login({ ...uma })} />
        <button id="wrong" onClick={() => login({ ...uma, password: "?" })} />
        <button id="out" onClick={() => logout()} />
        <button id="ask" onClick={async () => seen.push(String((await validate()).valid))} />
      </>
    );
  };
  const { container, store, act, unmount } = await renderWithSession(<Page />, { events: false });
  const settled = (id: string) => act(async () => (click(container, id), await pause(200)));
  await settled("#wrong");
  assert.equal(seen.at(-1), "false The credentials are not right. undefined false");
  await settled("#in");
  assert.ok(seen.includes("true null undefined false"));
  assert.equal(seen.at(-1), "false null Uma User true");
  await settled("#ask");
  assert.ok(seen.includes("true"));
  await settled("#out");
  assert.equal(seen.at(-1), "false null undefined false");
  assert.equal(store.getState().reason, "logout");
  await unmount();
});

test("useSessionUpdate, useSessionExpiry, useSessionEvents", async () => {
  const events: SessionEvent[] = [];
  const Page = () => {
    const { updateSession, isLoading, error } = useSessionUpdate();
    useSessionEvents((event) => events.push(event));
    return <button onClick={() => updateSession(null, { theme: "pink" })}>{`${isLoading} ${error} ${useSessionExpiry()}`}</button>;
  };
  const { container, server, act, unmount } = await renderWithSession(<Page />, quiet);
  assert.equal(container.textContent, "false null 3600000");
  await act(async () => (click(container, "button"), await pause(200)));
  assert.match(container.textContent!, /^false A value is not accepted. 3[56]/);
  server.revoke(as);
  await act(async () => (click(container, "button"), await pause(200)));
  assert.deepEqual(events, [{ type: "revoked" }]);
  await unmount();
});

test("required calls back once nobody is signed in, and not before", async () => {
  let called = 0;
  const Page = () => <p>{useSession({ required: true, onUnauthenticated: () => called++ }).status}</p>;
  const { container, store, act, unmount } = await renderWithSession(<Page />, quiet);
  assert.deepEqual([container.textContent, called], ["authenticated", 0]);
  await act(() => store.logout());
  assert.deepEqual([container.textContent, called], ["unauthenticated", 1]);
  await unmount();
});

const Whole = () => {
  const { session, status, isLoading } = useSession();
  return <p>{`${status} ${isLoading} ${session?.user.name} ${useCan("posts:edit")}`}</p>;
};

test("the server renders the session that it has, asks nothing, and the page takes over without a difference", async (t) => {
  const server = createServer();
  const browser = server.browser();
  browser.signIn(as);
  const { session, permissions }: any = await (await browser.options.fetch("/api/auth/session")).json();
  const asked = since(server);
  const page = <SessionProvider {...browser.options} events={false} session={session} permissions={["posts:edit"]}><Suspense><Whole /></Suspense></SessionProvider>;
  const html = renderToString(page);
  assert.match(html, /authenticated false Uma User true/);
  assert.deepEqual(asked(), []);
  assert.match(renderToString(<SessionProvider session={null}><Whole /></SessionProvider>), /unauthenticated false undefined false/);
  assert.match(renderToString(<SessionProvider><Whole /></SessionProvider>), /loading true undefined false/);

  const errors = t.mock.method(console, "error", () => {});
  const container = document.body.appendChild(document.createElement("div"));
  container.innerHTML = html;
  let root: any;
  await act(async () => void (root = hydrateRoot(container, page)));
  await act(() => pause(200));
  assert.match(container.innerHTML, /authenticated false Uma User false/, "the first answer corrects what the page was given");
  assert.deepEqual(permissions, []);
  assert.equal(errors.mock.callCount(), 0);
  assert.deepEqual(asked(), ["GET validate 200"]);
  await act(async () => root.unmount());
});

test("strict mode asks once, and a store can be shared", async () => {
  const server = createServer();
  const browser = server.browser();
  browser.signIn(as);
  const store = createStore({ ...browser.options });
  const { container, act, unmount } = await renderWithSession(
    <StrictMode><SessionProvider store={store}><Whole /></SessionProvider><SessionProvider store={store}><Whole /></SessionProvider></StrictMode>,
    { server, browser: server.browser(), crossTab: false },
  );
  await act(() => pause(200));
  assert.equal(container.textContent, "authenticated false Uma User false".repeat(2));
  assert.equal(server.connections, 1);
  await unmount();
  await until(() => server.connections === 0);
});

test("the original properties of the provider work", async () => {
  const calls: unknown[] = [];
  const person = { user: { id: "7", name: "Own" }, data: { theme: "light" }, expires: Date.now() + 1e6 };
  let current: any = null;
  const { container, store, server, act, unmount } = await renderWithSession(<Whole />, {
    cookieName: "nguard-session",
    onInitialize: async () => (calls.push("initialize"), current),
    onLogin: async (credentials: any) => {
      calls.push(["login", credentials]);
      if (credentials.password !== password) throw Error("Invalid credentials");
      return (current = person);
    },
    onUpdateSession: async (user, data) => {
      calls.push(["update", user, data]);
      if (data.theme === "pink") return { error: "No pink" };
      return (current = { ...current, data: { ...current.data, ...data } });
    },
    onLogout: async () => void (calls.push("logout"), (current = null)),
    onSessionChange: (session) => calls.push(["change", session?.data.theme]),
    onError: (message) => calls.push(["error", message]),
    events: false,
    crossTab: false,
  });
  assert.match(container.textContent!, /^unauthenticated/);
  await act(async () => assert.equal((await store.login({ password: "?" })).error, "Invalid credentials"));
  await act(async () => assert.equal((await store.login({ password })).user!.name, "Own"));
  assert.match(container.textContent!, /^authenticated false Own/);
  await act(async () => assert.equal((await store.updateSession(null, { theme: "dark" })).success, true));
  await act(async () => assert.equal((await store.updateSession(null, { theme: "pink" })).error, "No pink"));
  assert.equal(store.getState().session!.data.theme, "dark");
  await act(async () => assert.equal((await store.logout()).success, true));
  assert.deepEqual(server.requests, [], "no endpoint was asked");
  const named = (name: string) => calls.filter((c) => c === name || (c as any)[0] === name);
  assert.deepEqual(named("login"), [["login", { password: "?" }], ["login", { password }]]);
  assert.deepEqual(named("update"), [["update", undefined, { theme: "dark" }], ["update", undefined, { theme: "pink" }]]);
  assert.deepEqual(named("change").map((c: any) => c[1]), ["light", "dark", "pink", "dark", undefined]);
  assert.deepEqual(named("error"), [["error", "Invalid credentials"], ["error", "No pink"]]);
  assert.ok(named("initialize").length >= 1 && named("logout").length === 1);
  await unmount();
});

test("a function of the application stands for the endpoint, not for other paths that end like it", async () => {
  const asked: string[] = [];
  const { store, unmount } = await renderWithSession(<Whole />, {
    onLogin: () => assert.fail("not asked to log in"),
    fetch: async (input) => (asked.push(input instanceof Request ? input.url : String(input)), Response.json({ valid: false })),
    events: false,
  });
  for (const input of ["/other/login", new URL("http://localhost/api/login"), new Request("http://localhost/x/login")]) await store.fetch(input);
  assert.deepEqual(asked.slice(-3), ["/other/login", "http://localhost/api/login", "http://localhost/x/login"]);
  await unmount();
});

test("refetchInterval asks again and again, onExpire tells", async () => {
  let expired = 0;
  const server = createServer({ sessionTime: 2000 });
  const { unmount, act } = await renderWithSession(<Whole />, { ...quiet, server, refetchInterval: 25, onExpire: () => expired++ });
  const asked = since(server);
  await act(() => until(() => expired));
  assert.equal(expired, 1);
  assert.ok(asked().filter((r) => r === "GET validate 304").length >= 2);
  await unmount();
});

test("a hook without a provider says what is missing", () => {
  assert.throws(() => renderToString(<Whole />), /no SessionProvider/);
});

test("what refetchInterval asks is no use of the session", async () => {
  const server = createServer();
  const browser = server.browser();
  const causes: unknown[] = [];
  const fetch: typeof globalThis.fetch = (input, init) => {
    causes.push(new Headers(init?.headers).get("nguard-passive"));
    return browser.options.fetch(input, init);
  };
  const { unmount, act } = await renderWithSession(<Whole />, { ...quiet, server, browser, fetch, refetchInterval: 25 });
  causes.length = 0;
  await act(() => until(() => causes.length > 2));
  assert.deepEqual([...new Set(causes)], ["1"]);
  await unmount();
});
