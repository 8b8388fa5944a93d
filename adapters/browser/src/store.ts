import { read, type Reply } from "./call.js";
import { backoff, later, retryAfter, sleep } from "./hold.js";
import { createPush } from "./push.js";
import { diff, merge, share } from "./share.js";
import type { LoginResult, Reason, Result, Session, SessionEvent, State, Store, StoreOptions, Updates } from "./types.js";

/** What is never shown before the server has agreed: authority, and what identifies. */
const guarded = /^(id|roles?|permissions|is.*Admin)$/;

/** What tabs say to each other. None of it is a part of a session. */
interface Message {
  version?: string | null;
  reason?: Reason;
  /** A kind of requests to hold, and for how long. */
  path?: string;
  retryAfter?: number;
}

/** An update that is not answered yet, and the part of it that is shown already. */
interface Job {
  patch: Updates;
  shown?: Updates;
}

/** Makes a store, which holds one session and knows of no other. Nothing happens before it is started or asked. */
export const createStore = (options: StoreOptions = {}): Store => {
  const {
    basePath = "/api/auth",
    session: given,
    permissions: may = given?.permissions ?? [],
    refetchOnFocus = true,
    events = true,
    crossTab = true,
    protectedFields = [],
    fetch: request = fetch,
  } = options;
  const listeners = new Set<(event?: SessionEvent) => void>();
  let state = { retryAfter: null } as State;
  let truth = given; // what the server said last, undefined before; the state has updates on top of it
  const jobs = new Set<Job>();
  let last: Promise<any> = Promise.resolve(); // of the queue of updates
  let onWire: Promise<Reply> | undefined; // the update that was sent last
  let asking: Promise<unknown> | undefined; // the validation that runs
  let used = false; // whether a person wants to be asked for
  let version: string | null | undefined; // of truth, where it is known
  let seen: typeof version | false; // the last that an answer to the application named
  let tag: string | null | undefined;
  let deadline = given?.expires ?? 0; // when the session ends, on the clock of this machine
  const held: Record<string, number> = {}; // until when requests are kept back
  let failures = 0;
  let running = 0;
  let away = false; // the page is not shown any more, and may be shown again
  let pushed = false;
  let timers: any[] = []; // for the end of the session, and for another try
  let stop: AbortController;
  let channel: BroadcastChannel | undefined;

  const tell = (message: Message) => channel?.postMessage(message);

  /** The truth with the updates on top that are not answered yet, or with the parts of them that are shown. */
  const layered = (part: keyof Job) => truth && [...jobs].reduce((s, job) => merge(s, job[part]), truth);

  const show = (change: Partial<State>, event?: SessionEvent | null) => {
    state = {
      ...state,
      ...change,
      session: share(state.session, layered("shown") ?? null),
      status: truth ? "authenticated" : truth === null ? "unauthenticated" : "loading",
    };
    // A listener that throws must not keep an answer from the others, from other tabs or from whoever waits for it.
    listeners.forEach((listener) => {
      try {
        listener(event!);
      } catch (e) {
        console.error(e);
      }
    });
  };
  const expiresIn = () => Math.max(0, deadline - Date.now());
  const overdue = () => truth && !expiresIn();

  /** Opens or closes the connection for push, and sets the timer for the end of the session. */
  const follow = () => {
    const on = !!(running && !away && truth && events);
    if (pushed !== on) push((pushed = on));
    clearTimeout(timers[0]);
    if (running && expiresIn()) timers[0] = later(() => (overdue() ? validate() : follow()), expiresIn());
  };

  const settle = (permissions: readonly string[], error: string | null = null, reason: Reason | null = null, event?: SessionEvent | null) => {
    show({ permissions, error, reason, isStale: false }, event);
    follow();
  };

  /** Takes what the server, or the application, says the session is. */
  const take = ({ session, expiresIn: left, permissions }: any, headers?: Headers) => {
    // A success that does not say what the session is now.
    if (!session) return;
    const before = truth;
    truth = share(truth, session) as Session;
    // What one person has asked for is not sent for the next.
    if (before?.user?.id !== truth.user?.id) jobs.clear();
    // Only the server knows what another role may do.
    const known = permissions ?? (before?.data?.role === truth.data?.role && state.permissions);
    failures = 0;
    // 304 has no body to say it in.
    left = headers?.get("nguard-session-expires-in") ?? left;
    deadline = left ? Date.now() + +left : session.expires;
    // What the application hands on is most likely what it was just answered.
    version = headers ? headers.get("nguard-session-version") : seen !== version && seen || null;
    tag = headers?.get("etag");
    settle(known || session.permissions || []);
    return known;
  };

  const end = (reason: Reason, error?: string | null) => {
    const had = truth;
    truth = version = tag = null;
    jobs.clear();
    deadline = 0;
    settle([], error, had ? reason : state.reason, had && { type: reason });
    if (had) tell({ reason });
  };

  /**
   * Sends a request once the server wants requests to its path. What it says is made then, since much may have
   * happened meanwhile.
   */
  const send = async (input: any, prepare: () => RequestInit | undefined) => {
    const path = `${input.url ?? input}`;
    let left;
    await 0; // whoever prepares it has the promise by then
    while ((left = held[path]! - Date.now()) > 0) await sleep(left);
    const r = await request(input, prepare());
    if (!r.ok && retryAfter(r)) spread({ path, retryAfter: retryAfter(r) });
    return r;
  };

  /** Asks an endpoint. What cannot be sent is a failure like any other. */
  const call = async (name: string, prepare?: () => RequestInit): Promise<Reply> => {
    const url = basePath + "/" + name;
    const init = (): RequestInit => ({
      method: "POST",
      headers: { "content-type": "application/json" },
      credentials: "include",
      signal: AbortSignal.timeout(3e4),
      ...prepare?.(),
    });
    return read(url, await send(url, init).catch(() => Response.error()));
  };

  const ask = async (reason: Reason = "revoked"): Promise<void> => {
    let before: unknown, known: unknown, late: unknown;
    const [{ success, status, error }, body, headers] = await call("validate", () => {
      clearTimeout(timers[1]);
      before = truth;
      known = version;
      late = overdue();
      const headers: any = used ? {} : { "nguard-passive": "1" };
      used = false;
      if (tag) headers["if-none-match"] = tag;
      return { method: "GET", headers };
    });
    // What was done here meanwhile is newer.
    if (truth !== before || version !== known) return;
    if (success || status === 304) {
      take(success ? body : { ...state, session: truth }, headers);
      if (known && version !== known) {
        show({}, { type: "updated" });
        tell({ version });
      }
    } else if (status === 401 || (body && status < 300)) end(late ? "expired" : reason, truth && error);
    else {
      if (!/^(0|5|429)/.test(status as any)) truth ??= null;
      else if (running) timers[1] = setTimeout(validate, backoff(failures++));
      show({ isStale: !!truth, error });
    }
  };
  const validate = (reason?: Reason): Promise<unknown> => (asking ??= ask(reason).finally(() => (asking = undefined)));

  /** Asks for a person, which counts as use of the session. A question that nobody has caused may be on its way. */
  const look = async () => {
    used = true;
    await validate();
    if (used) await validate();
  };

  /**
   * Asks after what is on its way, since an answer that is made already may not know of the reason to ask.
   * When a version is named, the answer that brings it may be on its way too: then nothing is asked. Where versions are
   * not known, each message is a reason to ask.
   */
  const check = async (named?: string | null, reason?: Reason) => {
    if (named) await sleep(50);
    await onWire;
    await asking;
    if (named === undefined ? truth : !named || named !== version) await validate(reason);
  };

  const hear = ({ version, reason, path, retryAfter }: Message) => {
    if (path) {
      show({ retryAfter: (held[path] = Date.now() + retryAfter!) }, { type: "rate_limited", path, retryAfter });
    } else void check(version, reason);
  };
  const spread = (message: Message) => {
    tell(message);
    hear(message);
  };
  const push = createPush(basePath, options, spread, check);

  /** Takes the answer to a change that was asked for here. */
  const finish = ([r, body, headers]: Reply): LoginResult => {
    const known = r.success && take(body, headers);
    if (r.success) tell({ version });
    else show({ error: r.error });
    // The session may be another one by now, or nobody knows whether the change was made. Whoever has asked for it
    // does not wait for that.
    if (!known) void check();
    return { ...truth, ...r, session: truth! };
  };

  const run = async (job: Job, again?: boolean): Promise<Result> => {
    // What has become true meanwhile is not sent.
    const patch = diff(truth, job.patch);
    if (!patch) {
      jobs.delete(job);
      return { success: true, status: 200, message: "", session: truth! };
    }
    const sent = call("update", () => {
      // Who has left meanwhile has nothing sent.
      if (!jobs.has(job)) throw 0;
      onWire = sent;
      return { body: JSON.stringify(patch) };
    });
    const reply = await sent;
    if (!again && /409|412/.test(reply[0].status as any)) {
      await check();
      return run(job, true);
    }
    return jobs.delete(job) ? finish(reply) : { ...reply[0], session: null };
  };

  const wake = ({ type, persisted }: any) => {
    // A page is hidden after it has gone, and then must not open anything: the browser could not keep it.
    if (persisted != null) away = type === "pagehide";
    follow();
    // The first pageshow is the page's own loading.
    if (!away && !globalThis.document?.hidden && persisted !== false && (refetchOnFocus || overdue())) void look();
  };

  settle(may);
  const initial = state;

  return {
    initial,
    getState: () => state,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    start() {
      if (!running++) {
        stop = new AbortController();
        for (const name of ["pageshow", "pagehide", "focus", "visibilitychange"])
          globalThis.addEventListener?.(name, wake, stop);
        if (crossTab) {
          channel = new BroadcastChannel(basePath);
          channel.onmessage = ({ data }) => hear(data);
        }
        if (given !== null) void look();
      }
      return () => {
        if (--running) return;
        stop.abort();
        channel = channel?.close() as undefined;
        timers.map(clearTimeout);
        follow();
      };
    },
    async login(credentials) {
      return finish(await call("login", () => ({ body: JSON.stringify(credentials) })));
    },
    async logout() {
      const [r] = await call("logout");
      end("logout", r.error);
      return { ...r, session: null };
    },
    async updateSession(user: any, data?: any, { optimistic = true } = {}) {
      const updates = !data && (user?.user || user?.data) ? user : { user, data };
      // What differs now, or will once all that waits is done.
      const patch = merge(diff(truth, updates), diff(layered("patch"), updates));
      const hidden = (key: string) => !optimistic || guarded.test(key) || protectedFields.includes(key);
      const job = { patch, shown: diff({}, patch, hidden) };
      jobs.add(job);
      show({});
      return (last = last.then(() => run(job)));
    },
    async validate(passive) {
      await (passive === true ? validate() : look());
      const { session, error, isStale } = state;
      return { valid: !!session && !isStale, session, expiresIn: expiresIn(), error };
    },
    adoptSession(answer: any) {
      finish([{ success: true } as Result, answer?.user ? { session: answer } : { ...answer }]);
    },
    expiresIn,
    async fetch(input: any, init) {
      const r = await send(input, () => init);
      seen = r.status !== 403 && r.headers.get("nguard-session-version");
      // Where a session was found its version is named, so that this 401 may be about something else.
      if (seen || /40[13]/.test(r.status as any)) void check(seen || undefined);
      return r;
    },
  };
};
