/** A timer that is clamped to 2^31-1 ms: more would make it fire at once. */
export const later = (work: () => void, ms: number) => setTimeout(work, Math.min(ms, 2 ** 31 - 1));

export const sleep = (ms: number, signal?: AbortSignal | null) =>
  new Promise<any>((done) => {
    later(done as () => void, ms);
    signal?.addEventListener("abort", done);
  });


/** Ever longer, and never the same for all who wait. */
export const backoff = (failures: number) => Math.min(1e3 * 2 ** failures, 6e4) * (0.5 + Math.random() / 2);

/** How long an answer asks to wait, in milliseconds: Retry-After is seconds or a date. */
export const retryAfter = ({ headers }: Response): number => {
  const value: any = headers.get("retry-after");
  return Math.max(0, value * 1e3 || Date.parse(value) - Date.now() || 0);
};
