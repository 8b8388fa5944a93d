import type { Row } from "./people.js";
import type { Stream, World } from "./world.js";

/** How long a source waits before it connects again, in milliseconds. */
const pause = 20;

/** Makes the EventSource of one browser: find gives the session of its cookie, or undefined when it cannot be reached. */
export const createEventSource = (world: World, connect: () => Row | number | undefined): typeof EventSource =>
  class FakeEventSource {
    static readonly CONNECTING = 0;
    static readonly OPEN = 1;
    static readonly CLOSED = 2;
    readyState = 0;
    onopen: ((e: object) => void) | null = null;
    onerror: ((e: object) => void) | null = null;
    private readonly listeners: [type: string, listener: (e: object) => void][] = [];
    private stream?: Stream;
    private timer: any;

    constructor(readonly url: string | URL) {
      this.timer = setTimeout(() => this.open());
    }

    addEventListener(type: string, listener: (e: object) => void) {
      this.listeners.push([type, listener]);
    }

    // Plain objects, since the Event of a document in memory is not that of the runtime.
    private dispatch(type: string, data?: string) {
      for (const [wanted, listener] of this.listeners) if (wanted === type) listener({ type, data });
    }

    private open() {
      const row = connect();
      // A refusal is final; that nobody answers is not.
      if (typeof row === "number") return this.fail(2);
      if (!row) return this.retry();
      this.readyState = 1;
      // Use may have moved the end meanwhile.
      const watch = () => {
        const left = row.expires - Date.now();
        if (left > 0) expiry = setTimeout(watch, Math.min(left, 2 ** 31 - 1));
        else world.end(row, "expired");
      };
      let expiry: any;
      watch();
      const leave = () => {
        clearTimeout(expiry);
        world.streams.delete(stream);
      };
      const stream: Stream = {
        row,
        send: (type, version) => {
          // The network takes its time, and what was sent before the end arrives.
          setTimeout(() => this.readyState < 2 && this.dispatch(type, JSON.stringify({ version })));
        },
        close: () => {
          leave();
          setTimeout(() => this.readyState < 2 && this.retry());
        },
      };
      this.stream = { ...stream, close: leave };
      world.streams.add(stream);
      this.onopen?.({ type: "open" });
      // The first event names the version, so that whoever has an older one asks.
      stream.send("session.updated", world.versionOf(row));
    }

    private fail(state: number) {
      this.readyState = state;
      this.onerror?.({ type: "error" });
      this.dispatch("error");
    }

    private retry() {
      this.fail(0);
      if (this.readyState < 2) this.timer = setTimeout(() => this.open(), pause);
    }

    close() {
      this.readyState = 2;
      clearTimeout(this.timer);
      this.stream?.close();
    }
  } as unknown as typeof EventSource;
