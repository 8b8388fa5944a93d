import { useCallback, useEffect, useRef, useState } from "react";
import { store } from "./store";

/** An answer that is no success, in the server's words. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

/** Asks one of the program's own endpoints, through the session's fetch. */
export const ask = async <T>(path: string, method = "GET", body?: unknown): Promise<T> => {
  const init: RequestInit = { method };
  if (body !== undefined) {
    init.headers = { "content-type": "application/json" };
    init.body = JSON.stringify(body);
  }
  let answer: Response;
  try {
    answer = await store.fetch(path, init);
  } catch {
    throw new Refused("The server cannot be reached.", 0);
  }
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(said.error ?? "No answer.", answer.status);
  return said as T;
};

/**
 * Counts what a component asks for: called before asking, it returns whether that is still the last. Answers may
 * come in another order than the questions were put, and an older one must not be shown for a newer.
 */
export const useLatest = () => {
  const count = useRef(0);
  return useCallback(() => {
    const mine = ++count.current;
    return () => mine === count.current;
  }, []);
};

/** What a path answers, kept while it is asked for again. */
export const useLoaded = <T>(path: string) => {
  const [state, set] = useState<{ path: string; data?: T; error?: string }>({ path });
  const asks = useLatest();
  const reload = useCallback(async () => {
    const last = asks();
    try {
      const data = await ask<T>(path);
      if (last()) set({ path, data });
    } catch (e) {
      if (!last()) return;
      set((before) => ({ path, data: before.path === path ? before.data : undefined, error: (e as Error).message }));
    }
  }, [path, asks]);
  useEffect(() => {
    void reload();
    const again = () => void reload();
    addEventListener("focus", again);
    return () => removeEventListener("focus", again);
  }, [reload]);
  return { data: state.path === path ? state.data : undefined, error: state.path === path ? state.error : undefined, reload };
};

export interface Person {
  id: string;
  name: string;
  email: string;
  role: string;
  sessions?: number;
  lastSeen?: number;
  grants: string[];
  locked?: string;
}

export interface Device {
  id: string;
  device: string;
  ip: string;
  created: number;
  lastSeen: number;
  expires: number;
  current: boolean;
}

export interface Entry {
  seq: number;
  id: string;
  time: string;
  event: string;
  outcome: "attempt" | "success" | "failure" | "denied" | "limited";
  actor?: string;
  target?: string;
  session?: string;
  action?: string;
  changes?: { field: string; from: unknown; to: unknown }[];
  rule?: string;
  reason?: string;
  count?: number;
  request_id?: string;
  ip?: string;
  user_agent?: string;
  method?: string;
  path?: string;
}

export interface Policies {
  roles: { name: string; inherits: string[] }[];
  permissions: { name: string; held: string[] }[];
  fields: { name: string; rule: string; writes: Record<string, "own" | "any" | "others" | "none"> }[];
}
