import { useState } from "react";
import { Can, useAuth } from "@nguard/browser/react";
import { ask, useLoaded, type Device, type Person } from "./api";
import { Failed, Head, Pill, Refresh, tell, Wide } from "./parts";
import { clock, device, said, useNow, useTimes } from "./words";

export const Sessions = ({ of }: { of: string }) => {
  const { user, logout } = useAuth();
  const own = of === user?.id;
  const base = own ? "/api/auth/sessions" : `/api/auth/users/${encodeURIComponent(of)}/sessions`;
  const { data, error, reload } = useLoaded<{ sessions: Device[] }>(base);
  const [busy, setBusy] = useState("");
  const now = useNow();
  const times = useTimes();

  const end = async (what: string, path: string, done: string) => {
    setBusy(what);
    try {
      await ask(path, "DELETE");
      tell(done, "good");
    } catch (e) {
      tell(said(e), "bad");
    }
    await reload();
    setBusy("");
  };
  const others = data && data.sessions.some((s) => !s.current);
  return (
    <>
      <Head
        title={own ? "Your sessions" : "Sessions"}
        actions={
          <>
            <Refresh onClick={() => void reload()} />
            {own && (
              <button disabled={!others || !!busy} onClick={() => void end("others", base, "All other devices are signed out.")}>
                Sign out the others
              </button>
            )}
            <button
              className="danger"
              disabled={!data?.sessions.length || !!busy}
              onClick={async () => {
                await end("all", base, own ? "All other devices are signed out." : "All devices of this person are signed out.");
                if (own) await logout();
              }}
            >
              Sign out all
            </button>
          </>
        }
      >
        Each device that is signed in. Ending one signs its open pages out on screen.
      </Head>
      <Can do="users:read">
        <Whose of={of} own={user?.id} />
      </Can>
      {error && <Failed onRetry={() => void reload()}>{error}</Failed>}
      {data?.sessions.length === 0 && <p className="empty card">Nobody is signed in here.</p>}
      {!!data?.sessions.length && (
        <Wide label="Sessions">
          <table className="stacks">
            <thead>
              <tr>
                <th scope="col">Device</th>
                <th scope="col">Address</th>
                <th scope="col">Started</th>
                <th scope="col">Last seen</th>
                <th scope="col">Ends in</th>
                <th scope="col">
                  <span className="hidden">Action</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {data.sessions.map((s) => (
                <tr key={s.id} className={s.current ? "own" : undefined}>
                  <th scope="row">
                    <span title={s.device}>{device(s.device)}</span> {s.current && <Pill>this session</Pill>}
                    <code className="handle">{s.id}</code>
                  </th>
                  <td data-label="Address">{s.ip}</td>
                  <td className="muted" data-label="Started">
                    {times.short(s.created)}
                  </td>
                  <td className="muted" data-label="Last seen">
                    <time title={times.full(s.lastSeen)}>{times.ago(s.lastSeen, now)}</time>
                  </td>
                  <td className="number" data-label="Ends in">
                    {clock(s.expires - now)}
                  </td>
                  <td>
                    <button
                      className="danger"
                      disabled={!!busy}
                      aria-label={`Sign out ${device(s.device)}, ${s.id}`}
                      onClick={() => (s.current ? void logout() : void end(s.id, `${base}/${s.id}`, "The device is signed out."))}
                    >
                      Sign out
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Wide>
      )}
    </>
  );
};

const Whose = ({ of, own }: { of: string; own?: string }) => {
  const { data } = useLoaded<{ users: Person[] }>("/api/users");
  return (
    <form className="filters">
      <label>
        Person
        <select value={of} onChange={(e) => (location.hash = "#/sessions/" + e.target.value)}>
          {(data?.users ?? [{ id: of, name: "…" }]).map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
              {id === own && " (you)"}
            </option>
          ))}
        </select>
      </label>
    </form>
  );
};
