import type { StoreOptions } from "../types.js";
import { json, refuse, refuseWith } from "./answers.js";
import { answer, type Call } from "./endpoints.js";
import { createEventSource } from "./events.js";
import { createLocks } from "./locks.js";
import { World, type ServerOptions } from "./world.js";

/** What goes wrong with the next requests to a path. */
export interface Fault {
  /** The status of the answer. Without one the request itself succeeds. */
  status?: number;
  /** The Retry-After of the answer. */
  retryAfter?: string | number;
  /** An answer that is no JSON, such as the page of a proxy. */
  html?: string;
  /** Another JSON answer. */
  json?: unknown;
  /** How long the answer takes, in milliseconds. */
  delay?: number;
  /** How many requests it meets. Default: 1. */
  times?: number;
}

/** One browser: a cookie jar that its tabs share. */
export interface Browser {
  /** The options of a store that lives in this browser. */
  options: StoreOptions & { fetch: typeof fetch };
  /** Signs a person in without a request. */
  signIn(email: string): void;
}

/** A server in memory that speaks nguard's HTTP contract. */
export interface Server {
  browser(): Browser;
  /** Makes something go wrong with requests to a path, such as "update" or "/api/users", or to all: "*". */
  fault(path: string, fault: Fault): void;
  /** Takes the server off the net, and back on. */
  offline(down: boolean): void;
  /** Ends all sessions of a person, as an admin would. */
  revoke(email: string): void;
  /** Lets the sessions of a person end so many milliseconds from now: use elsewhere has prolonged them. */
  extend(email: string, ms: number): void;
  /** Changes fields of a person, as somebody else would: "role", "permissions", "theme", "user.name". */
  change(email: string, values: Record<string, unknown>): void;
  /** What was asked so far: "POST /api/auth/login 200". */
  readonly requests: string[];
  /** How many streams of events are open. */
  readonly connections: number;
}

const base = "/api/auth/";

export const createServer = (options: ServerOptions = {}): Server => {
  const world = new World(options);
  const faults: (Fault & { path: string; times: number })[] = [];
  const requests: string[] = [];
  let down = false;
  const account = (email: string) => {
    const found = world.accounts.find((a) => a.email === email);
    if (!found) throw Error(`there is no account ${email}`);
    return found;
  };
  const faultOf = (path: string) => {
    const fault = faults.find((f) => f.times > 0 && (f.path === "*" || f.path === path || base + f.path === path));
    if (fault) fault.times--;
    return fault;
  };

  const browser = (): Browser => {
    let cookie: string | null = null;
    const ask = async (input: any, init: any = {}): Promise<Response> => {
      const request = input instanceof Request ? input : undefined;
      const url = new URL(request?.url ?? String(input), "http://nguard.test");
      const signal: AbortSignal | undefined = init.signal ?? request?.signal;
      const method = (init.method ?? request?.method ?? "GET").toUpperCase();
      const text = init.body ?? (await request?.text()) ?? "";
      const call: Call = {
        method,
        path: url.pathname,
        text: String(text),
        headers: new Headers(init.headers ?? request?.headers),
        setCookie: (id) => (cookie = id),
      };
      signal?.throwIfAborted();
      await new Promise((done) => setTimeout(done));
      const fault = faultOf(url.pathname);
      if (fault?.delay)
        await new Promise<void>((done, fail) => {
          setTimeout(done, fault.delay);
          signal?.addEventListener("abort", () => fail(signal.reason));
        });
      if (down) throw new TypeError("fetch failed");
      const r = respond(call, fault);
      requests.push(`${method} ${url.pathname} ${r.status}`);
      return r;
    };
    const respond = (call: Call, fault?: Fault): Response => {
      const headers: Record<string, string> = fault?.retryAfter === undefined ? {} : { "retry-after": String(fault.retryAfter) };
      if (fault?.html !== undefined)
        return new Response(fault.html, { status: fault.status ?? 200, headers: { "content-type": "text/html", ...headers } });
      if (fault?.json !== undefined) return json(fault.status ?? 200, fault.json, headers);
      call.row = world.find(cookie);
      // What no person has caused is no use of the session, so that a page that is open does not keep it alive.
      const passive = /^(GET|HEAD)$/.test(call.method) && call.headers.get("nguard-passive") === "1";
      if (call.row && !passive) world.use(call.row);
      const r = fault?.status ? refuseWith(fault.status, headers) : answer(world, call);
      if (call.row) r.headers.set("nguard-session-version", world.versionOf(call.row));
      return r;
    };
    const connect = () => {
      if (down) return undefined;
      const fault = faultOf(base + "events");
      const row = world.find(cookie);
      const status = fault?.status ?? (row ? 200 : refuse("no_session").status);
      requests.push(`GET ${base}events ${status}`);
      return status === 200 ? row : status;
    };
    return {
      options: { fetch: ask as typeof fetch, EventSource: createEventSource(world, connect), locks: createLocks() },
      signIn(email) {
        cookie = world.begin(account(email)).id;
      },
    };
  };

  return {
    browser,
    fault: (path, fault) => void faults.push({ times: 1, ...fault, path }),
    offline(now) {
      down = now;
      if (down) for (const stream of [...world.streams]) stream.close();
    },
    revoke: (email) => world.revoke(account(email)),
    extend: (email, ms) => world.extend(account(email), ms),
    change: (email, values) => world.change(account(email), values),
    requests,
    get connections() {
      return world.streams.size;
    },
  };
};
