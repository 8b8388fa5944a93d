import { backoff, sleep } from "./hold.js";
import type { StoreOptions } from "./types.js";

/**
 * Hears from the server what happens to the session. One tab of a browser holds the lock, and with it
 * the only connection; it tells the others, if tabs may. Where there are no locks (outside secure contexts), or no
 * EventSource, nothing is opened: the version header and a look at the page must do.
 */
export const createPush = (
  name: string,
  { EventSource: Source = globalThis.EventSource, locks = globalThis.navigator?.locks, crossTab }: StoreOptions,
  heard: (message: { version?: string; reason?: any }) => void,
  refused: () => unknown,
) => {
  let stop: AbortController | undefined;

  return (on: unknown) => {
    stop?.abort();
    if (!on || !locks || !Source) return;
    const { signal } = (stop = new AbortController());
    const lead = async () => {
      while (!signal.aborted) {
        const source = new Source(name + "/events", { withCredentials: true });
        for (const reason of ["updated", "revoked", "expired"])
          source.addEventListener("session." + reason, ({ data }) =>
            heard(reason === "updated" ? JSON.parse(data) : { reason }),
          );
        await new Promise<any>((done) => {
          signal.onabort = done;
          // A source that was refused does not try again by itself. Perhaps the session is over.
          source.onerror = () => source.readyState > 1 && done(refused());
        });
        source.close();
        if (!signal.aborted) await sleep(backoff(5), signal);
      }
    };
    // A tab that hears nothing of the others has a lock of its own. To stop waiting for the lock is no failure.
    locks.request(crossTab === false ? "" + Math.random() : name, { signal }, lead).catch(() => {});
  };
};
