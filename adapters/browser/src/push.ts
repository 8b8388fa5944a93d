import { backoff } from "./hold.js";
import type { StoreOptions } from "./types.js";

/**
 * Hears from the server what happens to the session. One tab of a browser holds the lock, and with it
 * the only connection; it tells the others. Where there are no locks (outside secure contexts), or no
 * EventSource, nothing is opened: the version header and a look at the page must do.
 */
export const createPush = (
  name: string,
  url: string,
  { EventSource: Source = globalThis.EventSource, locks = globalThis.navigator?.locks }: StoreOptions,
  heard: (message: { version?: string; reason?: any }) => void,
) => {
  let stop: AbortController | undefined;

  const listen = (signal: AbortSignal) =>
    new Promise<void>((left) => {
      let failures = 0;
      let timer: any;
      let source: EventSource;
      const open = () => {
        source = new Source(url, { withCredentials: true });
        for (const reason of ["updated", "revoked", "expired"])
          source.addEventListener("session." + reason, ({ data }) => {
            failures = 0;
            heard(reason === "updated" ? { version: /n": ?"([^"]+)/.exec(data)?.[1] } : { reason });
          });
        // A source that was refused does not try again by itself.
        source.onerror = () => {
          if (source.readyState > 1) timer = setTimeout(open, backoff(failures++));
        };
      };
      signal.onabort = () => {
        clearTimeout(timer);
        source?.close();
        left();
      };
      if (signal.aborted) left();
      else open();
    });

  return (on: unknown) => {
    stop?.abort();
    if (!on || !locks || !Source) return;
    const { signal } = (stop = new AbortController());
    // To stop waiting for the lock is no failure.
    locks.request(name, { signal }, () => listen(signal)).catch(() => {});
  };
};
