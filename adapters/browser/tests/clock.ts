import type { TestContext } from "node:test";

const real = { setTimeout, clearTimeout, now: Date.now };
const settle = async () => {
  for (let i = 0; i < 5; i++) await new Promise((done) => setImmediate(done));
};

/** A clock that moves only when it is told to, until the test ends. */
export const fakeClock = (t: TestContext, start = Date.now()) => {
  let now = start;
  let count = 0;
  const timers = new Map<number, { at: number; work: () => void }>();
  Object.assign(globalThis, {
    setTimeout(work: () => void, ms = 0) {
      // As in browsers: a delay that does not fit into 31 bits is none.
      timers.set(++count, { at: now + (ms > 2 ** 31 - 1 ? 0 : Math.max(ms, 1)), work });
      return count;
    },
    clearTimeout: (id: any) => (timers.delete(id) ? undefined : real.clearTimeout(id)),
  });
  Date.now = () => now;
  t.after(() => {
    Object.assign(globalThis, { setTimeout: real.setTimeout, clearTimeout: real.clearTimeout });
    Date.now = real.now;
  });
  return {
    /** Moves the time on; what becomes due happens in its order. */
    async advance(ms: number) {
      const end = now + ms;
      for (;;) {
        await settle();
        const [next] = [...timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at);
        if (!next) break;
        timers.delete(next[0]);
        now = Math.max(now, next[1].at);
        next[1].work();
      }
      now = end;
    },
    /** Moves the time on without any timer: the machine has slept. */
    sleep(ms: number) {
      now += ms;
      for (const timer of timers.values()) timer.at += ms;
    },
  };
};
