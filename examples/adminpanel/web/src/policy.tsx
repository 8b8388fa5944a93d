import { useState } from "react";
import { ask, useLatest, useLoaded, type Person, type Policies } from "./api";
import { Failed, Head, Pill, Wide } from "./parts";
import { said } from "./words";

const rights = { own: "own", any: "anybody’s", others: "others’", none: "–" };

export const Policy = () => {
  const { data, error, reload } = useLoaded<Policies>("/api/policy");
  return (
    <>
      <Head title="Policy">The roles as the running program has them in Go. The names are those that useCan takes.</Head>
      {error && <Failed onRetry={() => void reload()}>{error}</Failed>}
      {data && (
        <>
          <Question policies={data} />
          <section aria-labelledby="permissions">
            <h2 id="permissions">Permissions</h2>
            <Wide label="Permissions by role">
              <table className="matrix">
                <thead>
                  <tr>
                    <th scope="col">Permission</th>
                    {data.roles.map(({ name, inherits }) => (
                      <th scope="col" key={name}>
                        {name}
                        <small>{inherits.length ? "and " + inherits.join(", ") : "the lowest"}</small>
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {data.permissions.map(({ name, held }) => (
                    <tr key={name}>
                      <th scope="row">
                        <code>{name}</code>
                      </th>
                      {data.roles.map((role) => (
                        <td key={role.name} className={held.includes(role.name) ? "yes" : "no"}>
                          {held.includes(role.name) ? "yes" : "–"}
                        </td>
                      ))}
                    </tr>
                  ))}
                </tbody>
              </table>
            </Wide>
          </section>
          <section aria-labelledby="fields">
            <h2 id="fields">Who may write which field</h2>
            <Wide label="Fields by role">
              <table className="matrix">
                <thead>
                  <tr>
                    <th scope="col">Field</th>
                    {data.roles.map(({ name }) => (
                      <th scope="col" key={name}>
                        {name}
                      </th>
                    ))}
                    <th scope="col">Rule</th>
                  </tr>
                </thead>
                <tbody>
                  {data.fields.map(({ name, rule, writes }) => (
                    <tr key={name}>
                      <th scope="row">
                        <code>{name}</code>
                      </th>
                      {data.roles.map((role) => (
                        <td key={role.name} className={writes[role.name] === "none" ? "no" : "yes"}>
                          {rights[writes[role.name]!]}
                        </td>
                      ))}
                      <td className="muted">
                        <code>{rule}</code>
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Wide>
          </section>
        </>
      )}
    </>
  );
};

interface Verdict {
  question: string;
  allowed: boolean;
  rule: string;
  reason: string;
  via: string;
}

/** Can X do Y? The server answers, with the rule that decides. */
const Question = ({ policies }: { policies: Policies }) => {
  const people = useLoaded<{ users: Person[] }>("/api/users").data?.users ?? [];
  const [user, setUser] = useState("");
  const [what, setWhat] = useState("permission " + policies.permissions[0]?.name);
  const [target, setTarget] = useState("");
  const [verdict, setVerdict] = useState<Verdict>();
  const [error, setError] = useState("");
  const [kind, name] = what.split(" ") as [string, string];
  const who = people.find((p) => p.id === user) ?? people[0];
  const whose = people.find((p) => p.id === target) ?? people[0];

  const asks = useLatest();
  const put = async () => {
    if (!who || !whose) return;
    const last = asks();
    try {
      const query = new URLSearchParams({ user: who.id, [kind]: name, ...(kind === "field" && { target: whose.id }) });
      const said = await ask<Omit<Verdict, "question">>(`/api/policy/can?${query}`);
      const question = kind === "field" ? `write ${name} of ${whose.id === who.id ? "their own row" : whose.name}` : name;
      if (!last()) return;
      setVerdict({ ...said, question: `${who.name} ${said.allowed ? "can" : "cannot"} ${kind === "field" ? question : "do " + question}` });
      setError("");
    } catch (e) {
      if (last()) setError(said(e));
    }
  };
  return (
    <section className="card ask-box" aria-labelledby="question">
      <h2 id="question">Can somebody do something?</h2>
      <form
        className="filters"
        onSubmit={(e) => {
          e.preventDefault();
          void put();
        }}
      >
        <label>
          Can
          <select value={who?.id} onChange={(e) => setUser(e.target.value)}>
            {people.map((p) => (
              <option key={p.id} value={p.id}>
                {p.name}, {p.role}
              </option>
            ))}
          </select>
        </label>
        <label>
          do
          <select value={what} onChange={(e) => setWhat(e.target.value)}>
            <optgroup label="a permission">
              {policies.permissions.map((p) => (
                <option key={p.name} value={"permission " + p.name}>
                  {p.name}
                </option>
              ))}
            </optgroup>
            <optgroup label="a change">
              {policies.fields.map((f) => (
                <option key={f.name} value={"field " + f.name}>
                  write {f.name}
                </option>
              ))}
            </optgroup>
          </select>
        </label>
        {kind === "field" && (
          <label>
            of
            <select value={whose?.id} onChange={(e) => setTarget(e.target.value)}>
              {people.map((p) => (
                <option key={p.id} value={p.id}>
                  {p.name}
                </option>
              ))}
            </select>
          </label>
        )}
        <button className="primary" disabled={!who}>
          Ask the server
        </button>
      </form>
      {error && <Failed>{error}</Failed>}
      <div role="status" className="verdict">
        {verdict && (
          <>
            <p>
              <Pill kind={verdict.allowed ? "outcome-success" : "outcome-denied"}>{verdict.allowed ? "yes" : "no"}</Pill> <strong>{verdict.question}</strong>
            </p>
            <p className="muted">
              Decided by <code>{verdict.rule}</code>
              {verdict.via ? <>, held through {verdict.via}</> : verdict.reason && <>: {verdict.reason}</>}.
            </p>
          </>
        )}
      </div>
    </section>
  );
};
