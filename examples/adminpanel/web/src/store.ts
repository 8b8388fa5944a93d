import { useSyncExternalStore } from "react";
import { createStore, type SessionEvent } from "@nguard/browser";

/** A limit as the server's last answer told it (RateLimit and RateLimit-Policy). */
export interface Meter {
  name: string;
  limit: number;
  window: number;
  remaining: number;
  /** When all is back, in milliseconds since 1970 here. */
  full: number;
}

export interface Refusal {
  at: number;
  path: string;
  retryAfter: number;
}

/** What this page has noticed of the server's answers: it is shown under Limits and Me. */
export interface Seen {
  version: string | null;
  meters: readonly Meter[];
  refusals: readonly Refusal[];
  events: readonly { at: number; text: string }[];
}

let seen: Seen = { version: null, meters: [], refusals: [], events: [] };
const listeners = new Set<() => void>();
const change = (to: Partial<Seen>) => {
  seen = { ...seen, ...to };
  listeners.forEach((listener) => listener());
};

export const useSeen = () =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => seen,
  );

export const note = (text: string) => change({ events: [{ at: Date.now(), text }, ...seen.events].slice(0, 50) });

const number = (text: string, name: string) => Number(RegExp(`;${name}=(\\d+)`).exec(text)?.[1]);

const read = (path: string, { status, headers }: Response) => {
  const version = headers.get("nguard-session-version");
  if (version && version !== seen.version) change({ version });
  const state = headers.get("ratelimit");
  const rules = headers.get("ratelimit-policy")?.split(",") ?? [];
  const name = /^"([^"]*)"/.exec(state ?? "")?.[1];
  const rule = rules.find((one) => one.trim().startsWith(`"${name}"`));
  if (state && name && rule) {
    const meter = {
      name,
      limit: number(rule, "q"),
      window: number(rule, "w"),
      remaining: number(state, "r"),
      full: Date.now() + number(state, "t") * 1e3,
    };
    change({ meters: [...seen.meters.filter((other) => other.name !== name), meter].sort((a, b) => a.name.localeCompare(b.name)) });
  }
  if (status === 429) {
    const refusal = { at: Date.now(), path, retryAfter: Number(headers.get("retry-after")) };
    change({ refusals: [refusal, ...seen.refusals].slice(0, 20) });
  }
};

const words: Record<SessionEvent["type"], string> = {
  updated: "the session was changed elsewhere",
  revoked: "the session was revoked",
  expired: "the session has expired",
  logout: "signed out",
  rate_limited: "the server asks to wait",
};

/** The one store of the page. */
export const store = createStore({
  fetch: async (input, init) => {
    const answer = await fetch(input, init);
    read(new URL(`${input instanceof Request ? input.url : input}`, location.href).pathname, answer);
    return answer;
  },
});
store.subscribe((event) => {
  if (event) note(words[event.type] + (event.retryAfter ? ` ${Math.ceil(event.retryAfter / 1e3)} s` : ""));
});
