import { Fragment, useCallback, useEffect, useState } from "react";
import { ask, useLatest, useLoaded, type Entry, type Person } from "./api";
import { Failed, Head, Pill, Refresh, Wide } from "./parts";
import { device, said, show, useTimes } from "./words";

/** The names of records, in the words of a person. */
const actions: Record<string, string> = {
  authz_change: "Role changed",
  privilege_permissions_changed: "Permissions changed",
  user_updated: "Person changed",
  session_updated: "Session changed",
  authn_login_success: "Signed in",
  authn_login_successafterfail: "Signed in after failures",
  authn_login_fail: "Login failed",
  authn_login_fail_max: "Login failed too often",
  session_created: "Session begun",
  session_renewed: "Session renewed",
  session_expired: "Session expired",
  session_logout: "Signed out",
  authn_token_revoked: "Session revoked",
  authn_token_reuse: "Old token used",
  session_use_after_expire: "Used after the end",
  excess_sessions_exceeded: "Too many sessions",
  authz_fail: "Refused by policy",
  excess_rate_limit_exceeded: "Over a limit",
  input_validation_fail: "Bad input",
  input_validation_discrete_fail: "Value not offered",
  malicious_extraneous: "Undeclared field",
  malicious_csrf: "From another origin",
  malicious_direct_reference: "Somebody else’s handle",
  sensitive_read: "Records read",
  sys_startup: "Program started",
  sys_shutdown: "Program stopped",
};
const outcomes = ["success", "denied", "limited", "failure", "attempt"] as const;
const size = 50;

export const Audit = () => {
  const people = useLoaded<{ users: Person[] }>("/api/users").data?.users ?? [];
  const [person, setPerson] = useState("");
  const [event, setEvent] = useState("");
  const [outcome, setOutcome] = useState("");
  const [all, setAll] = useState<Entry[]>();
  const [more, setMore] = useState(false);
  const [error, setError] = useState("");
  const [open, setOpen] = useState(0);
  const times = useTimes();
  const name = (id?: string) => people.find((p) => p.id === id)?.name ?? id ?? "–";

  const asks = useLatest();
  const load = useCallback(
    async (before?: number) => {
      const last = asks();
      const query = new URLSearchParams({ person, event, outcome, limit: `${size}`, before: `${before ?? ""}` });
      try {
        const { events } = await ask<{ events: Entry[] }>(`/api/audit?${query}`);
        if (!last()) return;
        setAll((had = []) => (before ? [...had, ...events] : events));
        setMore(events.length === size);
        setError("");
      } catch (e) {
        if (last()) setError(said(e));
      }
    },
    [person, event, outcome, asks],
  );
  useEffect(() => void load(), [load]);
  // An attempt is recorded before what it leads to. Where that is in the list, it says all that the attempt does.
  const settled = new Set(all?.filter((e) => e.outcome !== "attempt").map((e) => e.id));
  const list = all?.filter((e) => e.outcome !== "attempt" || !settled.has(e.id));

  return (
    <>
      <Head title="Audit" actions={<Refresh onClick={() => void load()} />}>
        Who changed what, from what to what, and what was refused. The newest first.
      </Head>
      <form className="filters" onSubmit={(e) => e.preventDefault()}>
        <label>
          Person
          <select value={person} onChange={(e) => setPerson(e.target.value)}>
            <option value="">Everybody</option>
            {people.map((p) => (
              <option key={p.id} value={p.id}>
                {p.name}
              </option>
            ))}
          </select>
        </label>
        <label>
          Action
          <select value={event} onChange={(e) => setEvent(e.target.value)}>
            <option value="">All actions</option>
            {Object.entries(actions).map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        </label>
        <label>
          Outcome
          <select value={outcome} onChange={(e) => setOutcome(e.target.value)}>
            <option value="">All outcomes</option>
            {outcomes.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
        <p className="muted count" role="status">
          {list && `${list.length}${more ? "+" : ""} ${list.length === 1 ? "record" : "records"}`}
        </p>
      </form>
      {error && <Failed onRetry={() => void load()}>{error}</Failed>}
      {list?.length === 0 && <p className="empty card">No record matches.</p>}
      {!!list?.length && (
        <Wide label="Records">
          <table className="audit stacks">
            <thead>
              <tr>
                <th scope="col">Time</th>
                <th scope="col">Actor</th>
                <th scope="col">Action</th>
                <th scope="col">Target</th>
                <th scope="col">Change</th>
                <th scope="col">Outcome</th>
                <th scope="col">Rule or reason</th>
                <th scope="col">Request</th>
              </tr>
            </thead>
            <tbody>
              {list.map((e) => (
                <Fragment key={e.seq}>
                  <tr
                    className={open === e.seq ? "clickable open" : "clickable"}
                    onClick={() => getSelection()?.isCollapsed && setOpen(open === e.seq ? 0 : e.seq)}
                  >
                    <td>
                      <button
                        className="link"
                        aria-expanded={open === e.seq}
                        aria-label={`Details of record ${e.seq}, ${times.short(e.time)}`}
                        onClick={(click) => {
                          click.stopPropagation();
                          setOpen(open === e.seq ? 0 : e.seq);
                        }}
                      >
                        <time title={times.full(e.time)}>{times.short(e.time)}</time>
                      </button>
                    </td>
                    <td data-label="Actor">{name(e.actor)}</td>
                    <td data-label="Action">
                      {actions[e.event] ?? e.event}
                      {!!e.count && <span className="muted"> ×{e.count + 1}</span>}
                    </td>
                    <td data-label="Target">{e.target === e.actor && e.target ? <span className="muted">self</span> : name(e.target)}</td>
                    <td data-label="Change">
                      <Changes of={e} />
                    </td>
                    <td data-label="Outcome">
                      <Pill kind={"outcome-" + e.outcome}>{e.outcome}</Pill>
                    </td>
                    <td className="muted" data-label="Rule">
                      {e.rule || e.reason || "–"}
                    </td>
                    <td data-label="Request">
                      <code className="request">{e.request_id?.slice(0, 8) ?? "–"}</code>
                    </td>
                  </tr>
                  {open === e.seq && (
                    <tr className="details">
                      <td colSpan={8}>
                        <Details of={e} name={name} time={times.full(e.time)} />
                      </td>
                    </tr>
                  )}
                </Fragment>
              ))}
            </tbody>
          </table>
        </Wide>
      )}
      {more && (
        <p>
          <button onClick={() => void load(all!.at(-1)!.seq)}>Show older records</button>
        </p>
      )}
    </>
  );
};

const Changes = ({ of: { changes } }: { of: Entry }) =>
  changes?.length ? (
    <ul className="changes">
      {changes.map(({ field, from, to }) => (
        <li key={field}>
          <b>{field}</b> <del>{show(from)}</del> <span aria-label="to">→</span> <ins>{show(to)}</ins>
        </li>
      ))}
    </ul>
  ) : (
    <span className="muted">–</span>
  );

const Details = ({ of: e, name, time }: { of: Entry; name: (id?: string) => string; time: string }) => (
  <dl className="facts">
    {[
      ["Time", time],
      ["Record", `${e.seq}, action ${e.id}`],
      ["Event", e.event + (e.action ? `, ${e.action}` : "")],
      ["Actor", e.actor && `${name(e.actor)} (${e.actor})`],
      ["Target", e.target && `${name(e.target)} (${e.target})`],
      ["Rule that decided", e.rule],
      ["Reason", e.reason],
      ["Session", e.session],
      ["Request", [e.method, e.path].filter(Boolean).join(" ")],
      ["Request id", e.request_id],
      ["From", [e.ip, e.user_agent && device(e.user_agent)].filter(Boolean).join(", ")],
    ]
      .filter(([, value]) => value)
      .map(([term, value]) => (
        <div key={term}>
          <dt>{term}</dt>
          <dd>{value}</dd>
        </div>
      ))}
  </dl>
);
