import { useState } from "react";
import { useSessionEvents, useStore } from "@nguard/browser/react";
import { Head, Pill, Wide } from "./parts";
import { useSeen } from "./store";
import { clock, useNow, useTimes } from "./words";

const about: Record<string, string> = {
  update: "changes by one person",
  read: "reads of sessions from one network",
  burst: "the button below",
};

export const Limits = () => {
  const { meters, refusals } = useSeen();
  const now = useNow(500);
  const times = useTimes();
  return (
    <>
      <Head title="Limits">What the server’s answers have told this page of its limits, in their RateLimit headers.</Head>
      <Wide label="Limits">
        <table className="stacks">
          <thead>
            <tr>
              <th scope="col">Limit</th>
              <th scope="col">Counts</th>
              <th scope="col">Used</th>
              <th scope="col">Full again in</th>
            </tr>
          </thead>
          <tbody>
            {meters.map((m) => {
              const used = m.full <= now ? 0 : m.limit - m.remaining;
              return (
                <tr key={m.name}>
                  <th scope="row">
                    <code>{m.name}</code>
                  </th>
                  <td className="muted" data-label="Counts">{about[m.name] ?? (m.name.startsWith("login") ? "tries to log in" : "")}</td>
                  <td data-label="Used">
                    <span className="used">
                      <meter min={0} max={m.limit} high={m.limit * 0.7} value={used} aria-label={`${m.name}: used`} />
                      <span className="number">
                        {used} of {m.limit} in {clock(m.window * 1e3)}
                      </span>
                    </span>
                  </td>
                  <td className="number" data-label="Full again in">{m.full > now ? clock(m.full - now) : "now"}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Wide>
      <Burst />
      <section aria-labelledby="refusals">
        <h2 id="refusals">Recent refusals (429)</h2>
        {refusals.length === 0 ? (
          <p className="empty card">None since this page was loaded.</p>
        ) : (
          <Wide label="Recent refusals">
            <table>
              <thead>
                <tr>
                  <th scope="col">Time</th>
                  <th scope="col">Path</th>
                  <th scope="col">Retry-After</th>
                </tr>
              </thead>
              <tbody>
                {refusals.map((r) => (
                  <tr key={r.at}>
                    <td>{times.short(r.at)}</td>
                    <td>
                      <code>{r.path}</code>
                    </td>
                    <td className="number">{r.retryAfter} s</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Wide>
        )}
      </section>
    </>
  );
};

interface Shot {
  state: "waiting" | "ok" | "429" | "failed";
  at?: number;
}
const shots = 8;

/** Sends more than the server takes. After the refusal the client holds the rest back for as long as it was asked to. */
const Burst = () => {
  const store = useStore();
  const [list, set] = useState<Shot[]>([]);
  const [begun, setBegun] = useState(0);
  const [until, setUntil] = useState(0);
  const running = list.some((shot) => shot.state === "waiting");
  const now = useNow(200);
  useSessionEvents((event) => {
    if (event.type === "rate_limited" && event.path === "/api/burst") setUntil(Date.now() + event.retryAfter!);
  });

  const fire = async () => {
    const start = Date.now();
    setBegun(start);
    setUntil(0);
    set(Array.from({ length: shots }, () => ({ state: "waiting" })));
    for (let i = 0; i < shots; i++) {
      const status = await store.fetch("/api/burst", { method: "POST" }).then(
        (r) => r.status,
        () => 0,
      );
      const state = status === 200 ? "ok" : status === 429 ? "429" : "failed";
      set((before) => before.map((shot, n) => (n === i ? { state, at: Date.now() } : shot)));
    }
  };
  return (
    <section className="card" aria-labelledby="burst">
      <h2 id="burst">Run into a limit on purpose</h2>
      <p className="muted">
        {shots} requests, one after the other, to an endpoint that takes 5 in 5 seconds. The sixth is refused, and the client keeps the rest back until
        Retry-After is over: one refusal, not many.
      </p>
      <p className="row">
        <button className="primary" disabled={running} onClick={() => void fire()}>
          Send {shots} requests
        </button>
        <span role="status">
          {running && until > now && "Waiting, as the server has asked."}
          {!running && list.length > 0 && `Done: ${list.filter((s) => s.state === "ok").length} served, ${list.filter((s) => s.state === "429").length} refused.`}
        </span>
        {running && until > now && <span role="timer">{clock(until - now)}</span>}
      </p>
      {list.length > 0 && (
        <ol className="shots">
          {list.map((shot, i) => (
            <li key={i}>
              <Pill kind={{ ok: "outcome-success", "429": "outcome-limited", failed: "outcome-failure", waiting: "" }[shot.state]}>
                {shot.state === "waiting" ? (until > now ? "held" : "…") : shot.state}
              </Pill>
              <small className="number">{shot.at ? `${((shot.at - begun) / 1e3).toFixed(1)} s` : "\u00a0"}</small>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
};
