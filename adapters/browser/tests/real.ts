import { createLocks, type Browser } from "@nguard/browser/testing";

/** A browser for a real server: a cookie jar, and the headers that browsers send with each request. */
export const realBrowser = (base: string): Browser["options"] => {
  const jar = new Map<string, string>();

  const ask: typeof fetch = async (input, init = {}) => {
    const headers = new Headers(init.headers);
    headers.set("sec-fetch-site", "same-origin");
    if ((init.method ?? "GET") !== "GET") headers.set("origin", base);
    if (jar.size) headers.set("cookie", [...jar].map(([name, value]) => `${name}=${value}`).join("; "));
    const r = await fetch(new URL(String(input), base), { ...init, headers });
    for (const line of r.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split("; ");
      const at = pair!.indexOf("=");
      const name = pair!.slice(0, at);
      if (attributes.includes("Max-Age=0")) jar.delete(name);
      else jar.set(name, pair!.slice(at + 1));
    }
    return r;
  };

  /** Server-sent events over fetch, as far as the client needs them. */
  class Source extends EventTarget {
    readyState = 0;
    onerror: (() => void) | null = null;
    private readonly stop = new AbortController();
    constructor(private readonly url: string) {
      super();
      void this.open();
    }
    private async open(): Promise<void> {
      try {
        const r = await ask(this.url, { headers: { accept: "text/event-stream" }, signal: this.stop.signal });
        if (r.status !== 200 || !/^text\/event-stream/.test(r.headers.get("content-type") ?? "")) {
          this.readyState = 2;
          await r.body?.cancel();
          return void this.onerror?.();
        }
        this.readyState = 1;
        let text = "";
        for await (const chunk of r.body!.pipeThrough(new TextDecoderStream())) {
          text += chunk;
          const blocks = text.split("\n\n");
          text = blocks.pop()!;
          for (const block of blocks) this.dispatch(block);
        }
      } catch {
        // The connection is lost, which an EventSource takes as a reason to open another one.
      }
      if (this.readyState === 2) return;
      this.readyState = 0;
      this.onerror?.();
      setTimeout(() => this.readyState < 2 && this.open(), 100);
    }
    private dispatch(block: string) {
      const field = (name: string) => new RegExp(`^${name}: ?(.*)$`, "m").exec(block)?.[1];
      const data = field("data");
      if (data !== undefined) this.dispatchEvent(new MessageEvent(field("event") ?? "message", { data }));
    }
    close() {
      this.readyState = 2;
      this.stop.abort();
    }
  }

  return { fetch: ask, EventSource: Source as unknown as typeof EventSource, locks: createLocks() };
};
