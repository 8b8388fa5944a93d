import { retryAfter } from "./hold.js";
import type { Result } from "./types.js";

/** What came of a request, without the session that it leaves. */
type Outcome = Omit<Result, "session">;

/** An answer, read: what came of the request, the body, the headers. */
export type Reply = [outcome: Outcome, body: any, headers?: Headers];

/** Reads an answer. What is not JSON is a failure, whatever its status says. */
export const read = async (path: string, r: Response): Promise<Reply> => {
  const { status, headers } = r;
  const body = await r.json().catch(() => {});
  if (!body && status && status !== 304) console.warn("nguard: no JSON: " + path);
  const success = !!(r.ok && body && (body.session || body.ok));
  const error = success ? undefined : body?.error ?? "No answer.";
  return [{ success, message: error ?? body.message, error, code: body?.code, status, retryAfter: retryAfter(r) }, body, headers];
};
