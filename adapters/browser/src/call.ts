import { retryAfter } from "./hold.js";
import type { Result } from "./types.js";

/** What came of a request, without the session that it leaves. */
export type Outcome = Omit<Result, "session">;

const failure = "No answer.";

/** Asks an endpoint. What is not JSON is a failure, whatever its status says. */
export const call = async (
  send: (key: string, input: string, init: RequestInit) => Promise<Response>,
  base: string,
  path: string,
  init: RequestInit,
): Promise<[Outcome, any, Headers]> => {
  const url = `${base}/${path}`;
  const r = await send(path, url, { credentials: "include", signal: AbortSignal.timeout(3e4), ...init }).catch(() => Response.error());
  const { status, headers } = r;
  const body = /^application\/json/.test(headers.get("content-type")!) && (await r.json().catch(() => {}));
  if (!body && status && status !== 304) console.warn(`nguard: no JSON from ${url}`);
  const success = r.ok && !!body && !body.error;
  const error = success ? undefined : body?.error ?? failure;
  return [{ success, message: error ?? body.message, error, code: body?.code, status, retryAfter: retryAfter(r) }, body, headers];
};

/** A request with a JSON body. */
export const post = (value: unknown): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(value),
});
