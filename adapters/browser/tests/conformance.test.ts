import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { createStore, type StoreOptions } from "@nguard/browser";
import { ada, password, pause, uma, until } from "./stage.js";
import { targets, type Target } from "./target.js";

/** A tab of a new browser. Each login counts at a real server, which allows few of them, so that tests share one. */
const tab = async (t: TestContext, target: Target, who?: object, options: StoreOptions = {}) => {
  const browser = target.browser();
  const store = createStore({ ...browser, crossTab: false, events: false, ...options });
  t.after(store.start());
  await store.validate();
  if (who) assert.equal((await store.login(who)).success, true);
  return { browser, store };
};

for (const target of targets())
  test(`the contract: ${target.name}`, async (t) => {
    const json = async (r: Response) => {
      assert.match(r.headers.get("content-type") ?? "", /^application\/json/);
      return r.json();
    };

    await t.test("nobody is signed in", async (t) => {
      const { browser, store } = await tab(t, target);
      const { session, status, error } = store.getState();
      assert.deepEqual([session, status, error], [null, "unauthenticated", null]);
      assert.equal((await json(await browser.fetch("/api/auth/validate"))).valid, false);
      const r = await browser.fetch("/api/auth/session");
      assert.equal(r.status, 401);
      assert.equal((await json(r)).session, null);
      const update = await browser.fetch("/api/auth/update", { method: "POST", body: '{"theme":"dark"}' });
      assert.equal(update.status, 401);
      assert.equal((await json(update)).success, false);
      assert.equal((await browser.fetch("/api/auth/validate", { method: "HEAD" })).status, 401);
      for (const path of ["nothing", "update"]) {
        const r = await browser.fetch("/api/auth/" + path);
        assert.ok([404, 405].includes(r.status));
        assert.equal(typeof (await json(r)).error, "string");
      }
      assert.equal((await store.logout()).success, true);
    });

    await t.test("login is refused in words", async (t) => {
      const { store } = await tab(t, target);
      const wrong = await store.login({ email: "nobody@example.com", password });
      assert.deepEqual([wrong.success, wrong.status, wrong.code], [false, 401, "bad_credentials"]);
      assert.ok(wrong.error);
      assert.equal((await store.login({ email: "nobody@example.com" })).status, 400);
    });

    await t.test("a session, from login to logout", async (t) => {
      const { browser, store } = await tab(t, target, uma);
      const first = store.getState().session!;
      assert.deepEqual([first.user.email, first.user.role, first.data.role, first.role], [uma.email, "user", "user", "user"]);
      assert.deepEqual(first.data.permissions, []);
      assert.equal(typeof first.expires, "number");
      assert.ok(store.expiresIn() > 0);

      const seen = await browser.fetch("/api/auth/validate");
      const body: any = await json(seen);
      assert.equal(body.valid, true);
      assert.ok(body.expiresIn > 0);
      const tag = seen.headers.get("etag");
      assert.ok(tag && seen.headers.get("nguard-session-version"));
      const again = await browser.fetch("/api/auth/validate", { headers: { "if-none-match": tag } });
      assert.equal(again.status, 304);
      assert.equal(await again.text(), "");
      const { valid, expiresIn } = await store.validate();
      assert.ok(valid && expiresIn > 0);

      const { user, data } = store.getState().session!;
      const dark = await store.updateSession(user, { ...data, theme: "dark" });
      assert.deepEqual([dark.success, dark.session?.data.theme], [true, "dark"]);
      assert.equal((await store.updateSession({ user: { name: "Uma Two" }, data: { theme: "light" } })).session?.user.name, "Uma Two");
      const back = await store.updateSession({ name: "Uma User" });
      assert.deepEqual([back.success, back.session?.user.name], [true, "Uma User"]);

      const forged = await store.updateSession(null, { role: "admin" });
      assert.deepEqual([forged.success, forged.status], [false, 403]);
      assert.equal(store.getState().session!.data.role, "user");
      const pink = await store.updateSession(null, { theme: "pink" });
      assert.deepEqual([pink.success, pink.status, pink.code], [false, 400, "invalid_value"]);
      assert.equal(store.getState().session!.data.theme, "light");
      assert.equal((await store.fetch("/api/users")).status, 403);

      // A page of the same browser that has not heard of it asks once it sees the version.
      const other = createStore({ ...browser, crossTab: false, events: false });
      t.after(other.start());
      await other.validate();
      await store.updateSession(null, { language: "tr" });
      await other.fetch("/api/auth/session");
      await until(() => other.getState().session!.data.language === "tr");

      assert.equal((await store.logout()).success, true);
      await other.validate();
      assert.deepEqual([other.getState().session, other.getState().reason], [null, "revoked"]);
    });

    await t.test("somebody else changes the role", async (t) => {
      const admin = await tab(t, target, ada);
      const person = await tab(t, target, uma);
      const list = await admin.store.fetch("/api/users");
      const { users }: any = await json(list);
      const { id } = users.find((u: any) => u.email === uma.email);
      const change = (newRole: string) =>
        admin.store.fetch("/api/auth/update-role", { method: "POST", body: JSON.stringify({ userId: id, newRole }) });
      assert.equal((await change("moderator")).status, 200);
      await person.store.fetch("/api/auth/session");
      await until(() => person.store.getState().session!.data.role === "moderator");
      assert.equal((await change("user")).status, 200);
      await person.store.validate();
      assert.equal(person.store.getState().session!.data.role, "user");
    });

    await t.test("too many updates are refused, and the answer says how long to wait", async (t) => {
      const { store } = await tab(t, target, { email: "moderator@example.com", password });
      let refused = 0;
      for (let i = 0; i < 12 && !refused; i++) {
        const before = store.getState().session!.data.theme;
        const r = await store.updateSession(null, { theme: before === "dark" ? "light" : "dark" });
        if (r.success) continue;
        assert.deepEqual([r.status, r.code], [429, "rate_limited"]);
        assert.ok(r.retryAfter! > 0 && r.retryAfter! <= 60000);
        assert.ok(store.getState().retryAfter! > Date.now());
        assert.equal(store.getState().session!.data.theme, before);
        refused++;
      }
      assert.equal(refused, 1);
    });

    await t.test("the time that is left is told with each answer, 304 too, and asking in nobody's name does not move it", async (t) => {
      const { browser } = await tab(t, target, uma);
      let tag: string | null = null;
      let before = Infinity;
      for (const status of [200, 304, 304]) {
        const headers: Record<string, string> = { "nguard-passive": "1", ...(tag && { "if-none-match": tag }) };
        const r = await browser.fetch("/api/auth/validate", { headers });
        tag = r.headers.get("etag");
        const left = Number(r.headers.get("nguard-session-expires-in"));
        assert.equal(r.status, status);
        assert.ok(left > 0 && left <= before, `${left} of ${before}`);
        before = left;
      }
      const nobody = await target.browser().fetch("/api/auth/validate");
      assert.equal(nobody.headers.get("nguard-session-expires-in"), null);
    });

    await t.test("events and permissions", async (t) => {
      const person = await tab(t, target, uma, { events: true });
      const probe = await person.browser.fetch("/api/auth/validate").then((r) => r.json() as any);
      assert.deepEqual(probe.permissions, []);
      await pause(200);
      const admin = await tab(t, target, ada);
      const change = (newRole: string) =>
        admin.store.fetch("/api/auth/update-role", { method: "POST", body: JSON.stringify({ userId: "3", newRole }) });
      await change("moderator");
      await until(() => person.store.getState().permissions.includes("posts:edit"));
      await change("user");
      await until(() => !person.store.getState().permissions.includes("posts:edit"));
      await person.browser.fetch("/api/auth/logout", { method: "POST" });
      await until(() => person.store.getState().session === null);
    });
  });
