import type { Row } from "./people.js";
import type { Stream, World } from "./world.js";

/** How long a source waits before it connects again, in milliseconds. */
const pause = 20;

/** Makes the EventSource of one browser: find gives the session of its cookie, or undefined when it cannot be reached. */
export const createEventSource = (world: World, connect: () => Row | number | undefined): typeof EventSource =>
  class FakeEventSource extends EventTarget {
    static readonly CONNECTING = 0;
    static readonly OPEN = 1;
    static readonly CLOSED = 2;
    readyState = 0;
    onopen: ((e: Event) => void) | null = null;
    onerror: ((e: Event) => void) | null = null;
    onmessage: ((e: MessageEvent) => void) | null = null;
    private stream?: Stream;
    private timer: any;

    constructor(readonly url: string | URL) {
      super();
      this.timer = setTimeout(() => this.open());
    }

    private open() {
      const row = connect();
      // A refusal is final; that nobody answers is not.
      if (typeof row === "number") return this.fail(2);
      if (!row) return this.retry();
      this.readyState = 1;
      const expiry = setTimeout(() => world.end(row, "expired"), Math.min(row.expires - Date.now(), 2 ** 31 - 1));
      const leave = () => {
        clearTimeout(expiry);
        world.streams.delete(stream);
      };
      const stream: Stream = {
        row,
        send: (type, version) => {
          const event = new MessageEvent(type, { data: JSON.stringify({ version }) });
          // The network takes its time, and what was sent before the end arrives.
          setTimeout(() => this.readyState < 2 && this.dispatchEvent(event));
        },
        close: () => {
          leave();
          setTimeout(() => this.readyState < 2 && this.retry());
        },
      };
      this.stream = { ...stream, close: leave };
      world.streams.add(stream);
      this.onopen?.(new Event("open"));
      // The first event names the version, so that whoever has an older one asks.
      stream.send("session.updated", world.versionOf(row));
    }

    private fail(state: number) {
      this.readyState = state;
      const event = new Event("error");
      this.onerror?.(event);
      this.dispatchEvent(event);
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
