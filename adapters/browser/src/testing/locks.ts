type Waiting = { run(): void };

/** Web Locks of one browser, exclusive ones, for runtimes that have none. */
export const createLocks = (): Pick<LockManager, "request"> => {
  const queues = new Map<string, Waiting[]>();
  const request = (name: string, ...rest: any[]): Promise<any> => {
    const work = rest.pop();
    const signal: AbortSignal | undefined = rest[0]?.signal;
    const queue = queues.get(name) ?? [];
    queues.set(name, queue);
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const waiting: Waiting = {
        run() {
          signal?.removeEventListener("abort", leave);
          // The lock is held until what work returns is settled.
          Promise.resolve()
            .then(() => work({ name, mode: "exclusive" }))
            .then(resolve, reject)
            .finally(() => {
              queue.shift();
              queue[0]?.run();
            });
        },
      };
      const leave = () => {
        queue.splice(queue.indexOf(waiting), 1);
        reject(signal!.reason);
      };
      signal?.addEventListener("abort", leave);
      queue.push(waiting);
      if (queue[0] === waiting) waiting.run();
    });
  };
  return { request } as Pick<LockManager, "request">;
};
