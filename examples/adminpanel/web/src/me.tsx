import { useEffect, useRef, useState } from "react";
import { useAuth, useSession, useSessionExpiry, useSessionUpdate } from "@nguard/browser/react";
import type { Data, Result } from "@nguard/browser";
import { Head, Icon, Pill, tell } from "./parts";
import { note, useSeen } from "./store";
import { clock, useTimes } from "./words";

const languages = { en: "English", tr: "Türkçe", de: "Deutsch" } as const;

const report = (what: string) => (result: Result) => {
  note(`${what}: ${result.success ? "saved" : "refused, " + result.message}`);
  if (!result.success) tell(result.message, "bad");
  return result;
};

export const Me = () => {
  const { user } = useAuth();
  return (
    <>
      <Head title="Me">
        {user?.name}, {user?.email}
      </Head>
      <div className="columns">
        <Settings />
        <Profile />
        <Rollback />
        <Rights />
        <Log />
        <Raw />
      </div>
    </>
  );
};

const Settings = () => {
  const { theme, language, notifications } = useSession((state) => state.session?.data ?? ({} as Partial<Data>));
  const { updateSession } = useSessionUpdate();
  const save = (what: string, data: Partial<Data>) => void updateSession(null, data).then(report(what));
  return (
    <section className="card" aria-labelledby="settings">
      <h2 id="settings">Settings</h2>
      <p className="muted">Shown at once, and taken back if the server refuses.</p>
      <div className="setting">
        <span id="theme">Theme</span>
        <div className="segments" role="group" aria-labelledby="theme">
          {(["light", "dark"] as const).map((name) => (
            <button key={name} aria-pressed={theme === name} onClick={() => save("theme", { theme: name })}>
              <Icon name={name === "light" ? "sun" : "moon"} /> {name}
            </button>
          ))}
        </div>
      </div>
      <label className="setting">
        Dates and times in
        <select value={language} onChange={(e) => save("language", { language: e.target.value as Data["language"] })}>
          {Object.entries(languages).map(([value, name]) => (
            <option key={value} value={value} lang={value}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label className="setting">
        Notifications
        <input
          type="checkbox"
          role="switch"
          checked={notifications ?? false}
          onChange={(e) => save("notifications", { notifications: e.target.checked })}
        />
      </label>
    </section>
  );
};

const Profile = () => {
  const name = useSession((state) => state.session?.user.name) ?? "";
  const { updateSession, isLoading } = useSessionUpdate();
  const [draft, setDraft] = useState<string>();
  const [error, setError] = useState("");
  return (
    <section className="card" aria-labelledby="profile">
      <h2 id="profile">Name</h2>
      <p className="muted">Admins see it under Users, and the change in the records.</p>
      <form
        className="stack"
        onSubmit={async (e) => {
          e.preventDefault();
          const result = report("name")(await updateSession({ name: draft ?? name }));
          setError(result.error ?? "");
          if (result.success) {
            setDraft(undefined);
            tell("The name is saved.", "good");
          }
        }}
      >
        <label>
          Your name
          <input
            value={draft ?? name}
            autoComplete="name"
            aria-invalid={!!error}
            aria-describedby="name-error"
            onChange={(e) => setDraft(e.target.value)}
          />
        </label>
        <p id="name-error" className="error">
          {error}
        </p>
        <button className="primary" disabled={isLoading || draft === undefined || draft === name}>
          Save name
        </button>
      </form>
    </section>
  );
};

/** Asks for what nobody gets: a theme, and with it a role. The theme is shown, then both are gone. */
const Rollback = () => {
  const role = useSession((state) => state.session?.data.role);
  const theme = useSession((state) => state.session?.data.theme);
  const { updateSession, isLoading } = useSessionUpdate();
  const [steps, setSteps] = useState<string[]>([]);
  const before = useRef(theme);
  const trying = useRef(false);
  useEffect(() => {
    if (trying.current && before.current !== theme) setSteps((had) => [...had, `the page shows ${theme}`]);
    before.current = theme;
  }, [theme]);

  const attempt = async () => {
    // The server refuses an admin's the same way: no policy knows this role.
    const wanted = (role === "admin" ? "owner" : "admin") as Data["role"];
    const other = theme === "dark" ? "light" : "dark";
    trying.current = true;
    setSteps([`asked for theme ${other} and role ${wanted} in one update`]);
    const result = report("forbidden change")(await updateSession(null, { theme: other, role: wanted }));
    trying.current = false;
    setSteps((had) => [...had, `the server answers ${result.status}: ${result.message}`, `theme ${result.session?.data.theme}, role ${result.session?.data.role}`]);
  };
  return (
    <section className="card" aria-labelledby="rollback">
      <h2 id="rollback">Try something forbidden</h2>
      <p className="muted">
        One update with a theme, which is shown before the server has answered, and a role, which never is. The server refuses both, and the page goes back.
      </p>
      <button disabled={isLoading} onClick={() => void attempt()}>
        Try to take another role
      </button>
      <div role="status">
        <ol className="steps">
          {steps.map((step, i) => (
            <li key={i}>{step}</li>
          ))}
        </ol>
      </div>
    </section>
  );
};

const Rights = () => {
  const role = useSession((state) => state.session?.data.role);
  const permissions = useSession((state) => state.permissions);
  return (
    <section className="card" aria-labelledby="rights">
      <h2 id="rights">What you may do</h2>
      <p className="muted">As the server derives it from your role.</p>
      <p className="row">
        <Pill kind={"role-" + role}>{role}</Pill>
        {permissions.length === 0 && <span className="muted">nothing beyond your own account</span>}
        {permissions.map((name) => (
          <code key={name} className="chip">
            {name}
          </code>
        ))}
      </p>
    </section>
  );
};

const Log = () => {
  const { events } = useSeen();
  const times = useTimes();
  return (
    <section className="card" aria-labelledby="log">
      <h2 id="log">What happened to this session</h2>
      {events.length === 0 && <p className="muted">Nothing since this page was loaded.</p>}
      <ol className="log" tabIndex={0} aria-labelledby="log">
        {events.map(({ at, text }, i) => (
          <li key={events.length - i}>
            <time className="muted number">{times.short(at)}</time> {text}
          </li>
        ))}
      </ol>
    </section>
  );
};

const Raw = () => {
  const session = useSession((state) => state.session);
  const { version } = useSeen();
  const left = useSessionExpiry();
  return (
    <section className="card" aria-labelledby="raw">
      <h2 id="raw">The session</h2>
      <p className="muted">
        Version <code>{version ?? "not told"}</code>, ends in <span className="number">{clock(left)}</span>
      </p>
      <pre tabIndex={0} aria-label="The session as JSON">
        {JSON.stringify(session, null, 2)}
      </pre>
    </section>
  );
};
