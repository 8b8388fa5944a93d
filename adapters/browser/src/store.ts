import { call, post } from "./call.js";
import { backoff, later, retryAfter } from "./hold.js";
import { covers } from "./permission.js";
import { createPush } from "./push.js";
import { diff, merge, share } from "./share.js";
import type { Reason, Result, Session, SessionEvent, State, Store, StoreOptions, Updates } from "./types.js";

/** What is never shown before the server has agreed: authority, and what identifies. */
const guarded = /^(id|roles?|permissions|is(Super)?Admin)$/;

const signIn = "Not signed in.";

const versionOf = (headers: Headers) => headers.get("nguard-session-version");

/** What tabs say to each other. None of it is a part of a session. */
interface Message {
  login?: boolean;
  version?: string | null;
  reason?: Reason;
  /** A kind of requests to hold, and for how long. */
  path?: string;
  retryAfter?: number;
}

/** An update that is not answered yet, and the part of it that is shown already. */
interface Job {
  patch: Updates;
  shown: Updates;
}

/** Makes a store, which holds one session and knows of no other. Nothing happens before it is started or asked. */
export const createStore = (options: StoreOptions = {}): Store => {
  const {
    basePath = "/api/auth",
    session: given,
    permissions: may = given?.permissions ?? [],
    refetchInterval,
    refetchOnFocus = true,
    events = true,
    crossTab = true,
    protectedFields = [],
    fetch: request = (...a) => fetch(...a),
  } = options;
  const listeners = new Set<(event?: SessionEvent) => void>();
  let state = {} as State;
  let truth = given || null; // what the server said last; the state has updates on top of it
  let answered = given === null; // whether it has said anything
  let jobs: Job[] = [];
  let last: Promise<any> = Promise.resolve(); // of the queue of updates
  let onWire: Promise<unknown> | undefined; // the update that the server has just now
  let asking: Promise<unknown> | undefined; // the validation that runs
  let version: string | null | undefined; // of truth; "" is the one that will be named next
  let wanted: string | null | undefined; // the newest that somebody named
  let tag: string | null | undefined;
  let deadline = given?.expires ?? 0; // when the session ends, on the clock of this machine
  let turn = 0; // counts what changed truth, so that an older answer does not undo it
  let checked = 0;
  const held: Record<string, number> = {}; // until when requests are kept back
  let failures = 0;
  let running = 0;
  let away = false; // the page is not shown any more, and may be shown again
  let pushed = false;
  let timers: any[] = []; // for the end of the session, another try, and refetchInterval
  let stop: AbortController;
  let channel: BroadcastChannel | undefined;

  const emit = (event?: SessionEvent) => listeners.forEach((listener) => listener(event));
  const listen = (listener: (event?: SessionEvent) => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  const tell = (message: Message) => channel?.postMessage(message);

  const show = (change: Partial<State>) => {
    const before = state;
    state = share(before, {
      ...before,
      ...change,
      session: jobs.reduce((s, job) => merge(s, job.shown), truth),
      status: truth ? "authenticated" : answered ? "unauthenticated" : "loading",
    });
    if (state !== before) emit();
  };
  const overdue = () => truth && deadline <= Date.now();

  /** Opens or closes the connection for push, and sets the timer for the end of the session. */
  const follow = () => {
    const on = !!running && !away && !!truth && events;
    if (pushed !== on) push((pushed = on));
    clearTimeout(timers[0]);
    if (running && deadline > Date.now()) timers[0] = later(() => (overdue() ? validate() : follow()), deadline - Date.now());
  };

  /** Takes what the server, or the application, says the session is. */
  const take = ({ session, expiresIn, permissions }: any, headers?: Headers) => {
    // Only the server knows what another role may do.
    const known = permissions ?? (truth?.data.role === session.data?.role && state.permissions);
    truth = share(truth, session) as Session;
    turn++;
    failures = 0;
    deadline = Date.now() + (expiresIn ?? session.expires - Date.now());
    version = headers ? versionOf(headers) : wanted === version ? "" : wanted;
    tag = headers?.get("etag");
    show({ error: null, isStale: false, reason: null, permissions: known || session.permissions || [] });
    follow();
    return known;
  };

  /** Takes an answer to a change that was made here. */
  const changed = (body: any, headers?: Headers, login?: boolean) => {
    if (!take(body, headers)) void check();
    tell({ login, version });
  };

  const end = (reason: Reason, error: string | null = null) => {
    const had = truth;
    answered = true;
    turn++;
    truth = version = tag = null;
    jobs = [];
    deadline = 0;
    show({ error, isStale: false, reason: had ? reason : state.reason, permissions: [] });
    follow();
    if (had) {
      emit({ type: reason });
      tell({ reason });
    }
  };

  /** Keeps back requests that the server does not want yet, each kind by its own path. */
  const hold = (path: string, retryAfter: number) => {
    const until = (held[path] = Date.now() + retryAfter);
    show({ retryAfter: until });
    emit({ type: "rate_limited", path, retryAfter });
    later(() => state.retryAfter === until && show({ retryAfter: null }), retryAfter);
  };
  const pass = async (path: string) => {
    let left: number;
    while ((left = held[path]! - Date.now()) > 0) await new Promise<void>((done) => later(done, left));
  };
  const send = async (path: string, input: any, init?: RequestInit) => {
    const r = await request(input, init);
    const ms = !r.ok && retryAfter(r);
    if (ms) {
      hold(path, ms);
      tell({ path, retryAfter: ms });
    }
    return r;
  };

  const ended = (): Result => ({ success: false, status: 401, message: signIn, error: signIn, session: null });

  const ask = async (reason?: Reason): Promise<void> => {
    await pass("validate");
    clearTimeout(timers[1]);
    checked = Date.now();
    const at = turn;
    const before = truth;
    const known = version;
    const late = overdue();
    const [{ success, status, error }, body, headers] = await call(send, basePath, "validate", {
      cache: "no-store",
      headers: tag && !late ? { "if-none-match": tag } : {},
    });
    // What was done here meanwhile is newer.
    if (at !== turn) return;
    const same = status === 304 && { session: truth, permissions: state.permissions, expiresIn: deadline - Date.now() };
    if (same || (success && body.session)) {
      take(same || body, headers);
      if (before && (before.user !== truth!.user || before.data !== truth!.data)) emit({ type: "updated" });
      if (version != known) tell({ version });
    } else if (status === 401 || success || body?.valid === false) end(reason ?? (late ? "expired" : "revoked"), before && error);
    else {
      const again = !status || status > 499 || status === 429;
      answered ||= !again;
      show({ isStale: !!truth, error });
      if (again && running) timers[1] = setTimeout(validate, backoff(failures++));
    }
  };
  const validate = (reason?: Reason): Promise<unknown> => (asking ??= ask(reason).finally(() => (asking = undefined)));

  /**
   * Asks after what is on its way, since an answer that is made already may not know of the reason to ask.
   * When a version is named, the answer that brings it may be on its way too: then nothing is asked.
   */
  const check = async (reason?: Reason, named?: string | null) => {
    if (named) {
      if (version === "") version = named;
      if (named === version || named === wanted) return;
      wanted = named;
      await new Promise((done) => setTimeout(done, 50));
    }
    await onWire;
    await asking;
    if (reason ? truth : !named || named !== version) await validate(reason);
  };

  const hear = ({ login, version, reason, path, retryAfter }: Message) => {
    if (path) return hold(path, retryAfter!);
    if (login) pushed = false;
    void check(reason, version);
  };
  const push = createPush("nguard:" + basePath, basePath + "/events", options, (message) => {
    tell(message);
    hear(message);
  });

  const run = async (job: Job, again?: boolean): Promise<Result> => {
    await pass("update");
    if (!jobs.includes(job)) return ended();
    const [r, body, headers] = await (onWire = call(send, basePath, "update", post(job.patch)));
    onWire = undefined;
    if (!again && /409|412/.test(r.status as any)) {
      await check();
      if (truth) job.patch = diff(truth, job.patch, () => true);
      return run(job, true);
    }
    if (!jobs.includes(job)) return ended();
    jobs = jobs.filter((other) => other !== job);
    if (r.success && body.session) changed(body, headers);
    else {
      show({ error: r.error });
      // The session may be another one by now, or nobody knows whether the change was made.
      if (!/400|413|429/.test(r.status as any)) await check();
    }
    return { ...r, session: truth };
  };

  const wake = ({ type }: Event) => {
    away = type === "pagehide";
    follow();
    if (!away && !globalThis.document?.hidden && (state.isStale || overdue() || (refetchOnFocus && Date.now() - checked > 5e3)))
      void validate();
  };

  const expiresIn = () => Math.max(0, deadline - Date.now());

  show({ error: null, isStale: false, reason: null, retryAfter: null, permissions: may });
  const initial = state;

  return {
    initial,
    getState: () => state,
    subscribe: (listener) => listen((event) => event || listener()),
    on: (listener) => listen((event) => event && listener(event)),
    start() {
      if (!running++) {
        stop = new AbortController();
        for (const name of ["pageshow", "pagehide", "online", "focus", "visibilitychange"])
          globalThis.addEventListener?.(name, wake, stop);
        if (crossTab) {
          channel = new BroadcastChannel("nguard:" + basePath);
          channel.onmessage = ({ data }) => hear(data);
        }
        if (refetchInterval) timers[2] = setInterval(validate, refetchInterval);
        if (given !== null) void validate();
      }
      return () => {
        if (--running) return;
        stop.abort();
        channel?.close();
        channel = undefined;
        timers.map(clearTimeout);
        follow();
      };
    },
    async login(credentials = {}) {
      await pass("login");
      const [r, body, headers] = await call(send, basePath, "login", post(credentials));
      if (r.success && body.session) {
        jobs = [];
        pushed = false;
        changed(body, headers, true);
      } else show({ error: r.error });
      return { ...truth, ...r, session: truth };
    },
    async logout() {
      const [r] = await call(send, basePath, "logout", { method: "POST" });
      end("logout", r.error);
      return { ...r, session: null };
    },
    async updateSession(user: any, data?: any, { optimistic = true } = {}) {
      const { session } = state;
      const updates = !data && (user?.user || user?.data) ? user : { user, data };
      if (!session) return ended();
      const patch = diff(session, updates, () => true);
      const free = (key: string) => optimistic && !guarded.test(key) && !protectedFields.includes(key);
      const job = { patch, shown: diff(session, updates, free) };
      if (!patch.user && !patch.data) return { success: true, status: 200, message: "", session };
      jobs = [...jobs, job];
      show({});
      return (last = last.then(() => run(job)));
    },
    async validate() {
      await validate();
      const { session, error, isStale } = state;
      return { valid: !!session && !isStale, session, expiresIn: expiresIn(), error };
    },
    adoptSession(answer: any) {
      changed(answer.user ? { session: answer } : answer);
    },
    can: (permission) => state.permissions.some((held) => covers(held, permission)),
    expiresIn,
    async fetch(input: any, init) {
      const path = String(input.url ?? input).split("?")[0]!;
      await pass(path);
      const r = await send(path, input, init);
      const named = versionOf(r.headers);
      const doubtful = r.status === 403 || (r.status === 401 && !named && truth);
      // The answers of other origins tell nothing of this session.
      if (/^[bd]/.test(r.type) && (doubtful || named)) void check(undefined, doubtful ? null : named);
      return r;
    },
  };
};
