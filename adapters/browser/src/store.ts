import { post, read, type Reply } from "./call.js";
import { backoff, later, retryAfter, sleep } from "./hold.js";
import { createPush } from "./push.js";
import { diff, merge, share } from "./share.js";
import type { LoginResult, Reason, Result, Session, SessionEvent, State, Store, StoreOptions, Updates } from "./types.js";

/** What is never shown before the server has agreed: authority, and what identifies. */
const guarded = /^(id|roles?|permissions|is(Super)?Admin)$/;

const ended: Result = { success: false, status: 401, message: "", error: "Not signed in.", session: null };

const versionOf = (headers: Headers) => headers.get("nguard-session-version");

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
  shown: Updates;
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
  let truth = given || null; // what the server said last; the state has updates on top of it
  let answered = given === null; // whether it has said anything
  let jobs: Job[] = [];
  let last: Promise<any> = Promise.resolve(); // of the queue of updates
  let onWire: Promise<unknown> | undefined; // the update that was sent last
  let asking: Promise<unknown> | undefined; // the validation that runs
  let version: string | null | undefined; // of truth; "" is the one that will be named next
  let wanted: string | null | undefined; // the newest that somebody named
  let tag: string | null | undefined;
  let deadline = given?.expires ?? 0; // when the session ends, on the clock of this machine
  const held: Record<string, number> = {}; // until when requests are kept back
  let failures = 0;
  let running = 0;
  let away = false; // the page is not shown any more, and may be shown again
  let pushed: unknown;
  let timers: any[] = []; // for the end of the session, and for another try
  let stop: AbortController;
  let channel: BroadcastChannel | undefined;

  const emit = (event?: SessionEvent) => listeners.forEach((listener) => listener(event));
  const tell = (message: Message) => channel?.postMessage(message);

  const show = (change: Partial<State>) => {
    state = {
      ...state,
      ...change,
      session: share(state.session, jobs.reduce((s, job) => merge(s, job.shown), truth)),
      status: truth ? "authenticated" : answered ? "unauthenticated" : "loading",
    };
    emit();
  };
  const expiresIn = () => Math.max(0, deadline - Date.now());
  const overdue = () => truth && !expiresIn();

  /** Opens or closes the connection for push, and sets the timer for the end of the session. */
  const follow = () => {
    const on = running && !away && truth && events;
    if (!pushed !== !on) push((pushed = on));
    clearTimeout(timers[0]);
    if (running && expiresIn()) timers[0] = later(() => (overdue() ? validate() : follow()), expiresIn());
  };

  const settle = (permissions: readonly string[], error: string | null = null, reason: Reason | null = null) => {
    show({ permissions, error, reason, isStale: false });
    follow();
  };

  /** Takes what the server, or the application, says the session is. */
  const take = ({ session, expiresIn: left, permissions }: any, headers?: Headers) => {
    // A success that does not say what the session is now.
    if (!session) return;
    // Only the server knows what another role may do.
    const known = permissions ?? (truth?.data?.role === session.data?.role && state.permissions);
    truth = share(truth, session) as Session;
    failures = 0;
    deadline = left == null ? session.expires : Date.now() + left;
    version = headers ? versionOf(headers) : "";
    tag = headers?.get("etag");
    settle(known || session.permissions || []);
    return known;
  };

  const end = (reason: Reason, error: string | null = null) => {
    const had = truth;
    if (!had && answered) return;
    answered = true;
    truth = version = tag = null;
    jobs = [];
    deadline = 0;
    settle([], error, had && reason);
    if (had) {
      emit({ type: reason });
      tell({ reason });
    }
  };

  /** Keeps back requests that the server does not want yet, each kind by its own path. */
  const pass = async (path: string) => {
    let left: number;
    while ((left = held[path]! - Date.now()) > 0) await sleep(left);
  };
  const send = async (path: string, input: any, init?: RequestInit) => {
    const r = await request(input, init);
    const wait = !r.ok && retryAfter(r);
    if (wait) spread({ path, retryAfter: wait });
    return r;
  };

  /** Asks an endpoint. */
  const call = async (path: string, init: RequestInit): Promise<Reply> => {
    const url = `${basePath}/${path}`;
    const signal = AbortSignal.timeout(3e4);
    return read(url, await send(path, url, { credentials: "include", signal, ...init }).catch(() => Response.error()));
  };

  const ask = async (reason?: Reason | false): Promise<void> => {
    await pass("validate");
    clearTimeout(timers[1]);
    const before = truth;
    const known = version;
    const late = overdue();
    const [{ success, status, error }, body, headers] = await call("validate", { headers: tag && !late ? { "if-none-match": tag } : {} });
    // What was done here meanwhile is newer.
    if (truth !== before || version !== known) return;
    if (success || status === 304) {
      take(success ? body : { session: truth, permissions: state.permissions, expiresIn: expiresIn() }, headers);
      if (known && version !== known) {
        emit({ type: "updated" });
        tell({ version });
      }
    } else if (status === 401 || (body && status < 300)) end(late ? "expired" : reason || "revoked", truth && error);
    else {
      const again = /^(0|5|429)/.test(status as any);
      answered ||= !again;
      show({ isStale: !!truth, error });
      if (again && running) timers[1] = setTimeout(validate, backoff(failures++));
    }
  };
  const validate = (reason?: Reason | false): Promise<unknown> => (asking ??= ask(reason).finally(() => (asking = undefined)));

  /**
   * Asks after what is on its way, since an answer that is made already may not know of the reason to ask.
   * When a version is named, the answer that brings it may be on its way too: then nothing is asked.
   */
  const check = async (reason?: Reason | false, named?: string | null) => {
    if (named && !reason) {
      if (named === version || named === wanted) return;
      wanted = named;
      await sleep(50);
      if (version === "") version = named;
    }
    await onWire;
    await asking;
    if (reason ? truth : named !== version) await validate(reason);
  };

  const hear = ({ version, reason, path, retryAfter }: Message) => {
    if (path) {
      show({ retryAfter: (held[path] = Date.now() + retryAfter!) });
      emit({ type: "rate_limited", path, retryAfter });
    } else void check(reason, version);
  };
  const spread = (message: Message) => {
    tell(message);
    hear(message);
  };
  const push = createPush(basePath, options, spread);

  /** Takes the answer to a change that was asked for here. */
  const finish = async ([r, body, headers]: Reply): Promise<LoginResult> => {
    if (r.success) {
      if (!take(body, headers)) void check("revoked");
      tell({ version });
    } else {
      show({ error: r.error });
      // The session may be another one by now, or nobody knows whether the change was made.
      await check("revoked");
    }
    return { ...truth, ...r, session: truth };
  };

  const run = async (job: Job, again?: boolean): Promise<Result> => {
    await pass("update");
    if (!jobs.includes(job)) return ended;
    const reply = await (onWire = call("update", post(job.patch)));
    if (!again && /409|412/.test(reply[0].status as any)) {
      await check("revoked");
      if (truth) job.patch = diff(truth, job.patch);
      return run(job, true);
    }
    if (!jobs.includes(job)) return ended;
    jobs = jobs.filter((other) => other !== job);
    return finish(reply);
  };

  const wake = ({ type, persisted }: any) => {
    away = type === "pagehide";
    follow();
    // The first pageshow is the page's own loading.
    if (!away && !globalThis.document?.hidden && persisted !== false && (refetchOnFocus || overdue())) void validate();
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
        if (given !== null) void validate();
      }
      return () => {
        if (--running) return;
        stop.abort();
        channel = channel?.close() as undefined;
        timers.map(clearTimeout);
        follow();
      };
    },
    async login(credentials = {}) {
      await pass("login");
      const reply = await call("login", post(credentials));
      if (reply[0].success) jobs = [];
      return finish(reply);
    },
    async logout() {
      const [r] = await call("logout", { method: "POST" });
      end("logout", r.error);
      return { ...r, session: null };
    },
    async updateSession(user: any, data?: any, { optimistic = true } = {}) {
      const { session } = state;
      const updates = !data && (user?.user || user?.data) ? user : { user, data };
      if (!session) return ended;
      const patch = diff(session, updates);
      const hidden = (key: string) => !optimistic || guarded.test(key) || protectedFields.includes(key);
      const job = { patch, shown: diff(session, updates, hidden) };
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
      void finish([{ success: true } as Result, answer.user ? { session: answer } : answer]);
    },
    expiresIn,
    async fetch(input: any, init) {
      const path = `${input.url ?? input}`;
      await pass(path);
      const r = await send(path, input, init);
      const named = versionOf(r.headers);
      // Where a session was found its version is named, so that this 401 may be about something else.
      const doubt = (r.status === 403 || (r.status === 401 && !named)) && "revoked";
      if (doubt || named) void check(doubt, named);
      return r;
    },
  };
};
