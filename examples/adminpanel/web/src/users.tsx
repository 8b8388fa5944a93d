import { useState } from "react";
import { useSession, useStore } from "@nguard/browser/react";
import { ask, Refused, useLoaded, type Person } from "./api";
import { Failed, Head, Icon, Pill, Refresh, tell, Wide } from "./parts";
import { said, useNow, useTimes } from "./words";

export const Users = () => {
  const { data, error, reload } = useLoaded<{ users: Person[] }>("/api/users");
  const own = useSession((state) => state.session?.user.id);
  const now = useNow(1e4);
  const times = useTimes();
  return (
    <>
      <Head title="Users" actions={<Refresh onClick={() => void reload()} />}>
        A new role counts from that person’s next request, on every device, and open pages learn of it at once.
      </Head>
      {error && <Failed onRetry={() => void reload()}>{error}</Failed>}
      {data && (
        <Wide label="Users">
          <table className="stacks">
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">E-mail</th>
                <th scope="col">Role</th>
                <th scope="col">Sessions</th>
                <th scope="col">Last seen</th>
              </tr>
            </thead>
            <tbody>
              {data.users.map((p) => (
                <tr key={p.id} className={p.id === own ? "own" : undefined}>
                  <th scope="row">
                    {p.name} {p.id === own && <Pill>you</Pill>}
                  </th>
                  <td className="muted" data-label="E-mail">{p.email}</td>
                  <td data-label="Role">
                    <RoleSelect person={p} own={p.id === own} done={reload} />
                  </td>
                  <td data-label="Sessions">
                    {p.sessions === undefined ? (
                      <a href={"#/sessions/" + p.id}>
                        Show<span className="hidden"> the devices of {p.name}</span>
                      </a>
                    ) : (
                      <a href={"#/sessions/" + p.id}>
                        {p.sessions === 0 ? "none" : `${p.sessions} ${p.sessions === 1 ? "device" : "devices"}`}
                        <span className="hidden"> of {p.name}</span>
                      </a>
                    )}
                  </td>
                  <td className="muted" data-label="Last seen">
                    {p.lastSeen ? <time title={times.full(p.lastSeen)}>{times.ago(p.lastSeen, now)}</time> : "not signed in"}
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

type Progress = { kind: "idle" | "asked" | "pending" | "saved" | "refused"; role?: string; text?: string };

/** The role of one person. What is chosen is shown as pending, and goes back if the server refuses it. */
const RoleSelect = ({ person, own, done }: { person: Person; own: boolean; done: () => Promise<void> }) => {
  const store = useStore();
  const [state, set] = useState<Progress>({ kind: "idle" });
  const note = "role-note-" + person.id;

  const change = async (role: string) => {
    set({ kind: "pending", role });
    try {
      const answer = await ask<{ session?: unknown }>("/api/auth/update-role", "POST", { userId: person.id, newRole: role });
      // One's own change comes with one's new session.
      if (answer.session) store.adoptSession(answer as never);
      await done();
      set({ kind: "saved", text: "Saved" });
      tell(`${person.name} is ${role} now.`, "good");
      setTimeout(() => set((now) => (now.kind === "saved" ? { kind: "idle" } : now)), 4e3);
    } catch (e) {
      if (!(e instanceof Refused) || e.status === 0 || e.status >= 500) {
        // The change may have been made all the same: only the server knows, so it is asked.
        await done();
        set({ kind: "refused", text: `Not known whether it was saved: ${said(e)}` });
        tell(`It is not known whether ${person.name} is ${role} now. ${said(e)}`, "bad");
        return;
      }
      set({ kind: "refused", text: `Back to ${person.role}: ${said(e)}` });
      tell(`${person.name} stays ${person.role}. ${said(e)}`, "bad");
    }
  };

  if (person.locked)
    return (
      <span className="locked">
        <Pill kind={"role-" + person.role}>{person.role}</Pill>
        <span className="muted">
          <Icon name="lock" /> {person.locked}
        </span>
      </span>
    );
  return (
    <span className={"role " + state.kind}>
      <select
        aria-label={`Role of ${person.name}`}
        aria-describedby={note}
        aria-busy={state.kind === "pending"}
        value={state.role ?? person.role}
        onChange={(e) => {
          const role = e.target.value;
          if (state.kind === "pending") return;
          if (own && role !== person.role) set({ kind: "asked", role });
          else void change(role);
        }}
      >
        {(person.grants.includes(person.role) ? person.grants : [person.role, ...person.grants]).map((role) => (
          <option key={role}>{role}</option>
        ))}
      </select>
      <span id={note} className="role-note">
        {state.kind === "pending" && "Saving…"}
        {state.text}
        {state.kind === "asked" && (
          <span className="ask">
            This is you: you may lose this page.
            <button className="danger" onClick={() => void change(state.role!)}>
              Become {state.role}
            </button>
            <button onClick={() => set({ kind: "idle" })}>Stay {person.role}</button>
          </span>
        )}
      </span>
    </span>
  );
};
