import { backoff } from "./hold.js";
import type { StoreOptions } from "./types.js";

/**
 * Hears from the server what happens to the session. One tab of a browser holds the lock, and with it
 * the only connection; it tells the others. Where there are no locks (outside secure contexts), or no
 * EventSource, nothing is opened: the version header and a look at the page must do.
 */
export const createPush = (
  name: string,
  { EventSource: Source = globalThis.EventSource, locks = globalThis.navigator?.locks }: StoreOptions,
  heard: (message: { version?: string; reason?: any }) => void,
) => {
  let stop: AbortController | undefined;

  return (on: unknown) => {
    stop?.abort();
    if (!on || !locks || !Source) return;
    const { signal } = (stop = new AbortController());
    const lead = async () => {
      let source!: EventSource;
      let timer: any;
      const open = () => {
        source = new Source(name + "/events", { withCredentials: true });
        for (const reason of ["updated", "revoked", "expired"])
          source.addEventListener("session." + reason, ({ data }) =>
            heard({ version: JSON.parse(data).version, reason: reason === "updated" ? undefined : reason }),
          );
        // A source that was refused does not try again by itself.
        source.onerror = () => {
          if (source.readyState > 1) timer = setTimeout(open, backoff(5));
        };
      };
      if (signal.aborted) return;
      open();
      await new Promise((left) => (signal.onabort = left));
      clearTimeout(timer);
      source.close();
    };
    // To stop waiting for the lock is no failure.
    locks.request(name, { signal }, lead).catch(() => {});
  };
};
