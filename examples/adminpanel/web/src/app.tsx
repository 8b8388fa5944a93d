import { useEffect, useRef, useState } from "react";
import { useAuth, useCan, useSession, useSessionExpiry, useStore } from "@nguard/browser/react";
import type { Permission } from "@nguard/browser";
import { Audit } from "./audit";
import { Limits } from "./limits";
import { Login } from "./login";
import { Me } from "./me";
import { Icon, Logo, Messages, Pill, settled, tell, type IconName } from "./parts";
import { Policy } from "./policy";
import { Sessions } from "./sessions";
import { note } from "./store";
import { useTheme } from "./theme";
import { Users } from "./users";
import { clock } from "./words";

/** The pages, and what one must hold to see them. It is for showing: the server asks again for each request. */
const pages: { name: IconName; title: string; need?: Permission }[] = [
  { name: "users", title: "Users", need: "users:read" },
  { name: "sessions", title: "Sessions" },
  { name: "audit", title: "Audit", need: "audit:read" },
  { name: "policy", title: "Policy", need: "users:read" },
  { name: "limits", title: "Limits", need: "users:read" },
  { name: "me", title: "Me" },
];

const place = () => location.hash.replace(/^#\/?/, "").split("/");

const usePlace = () => {
  const [now, set] = useState(place);
  useEffect(() => {
    const moved = () => set(place());
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  return now;
};

export const App = () => {
  useTheme();
  const status = useSession((state) => state.status);
  return (
    <>
      {status === "loading" && <Loading />}
      {status === "unauthenticated" && <Login />}
      {status === "authenticated" && <Panel />}
      <Messages />
    </>
  );
};

const Loading = () => {
  const error = useSession((state) => state.error);
  return (
    <main className="loading">
      <Logo />
      <p role="status">{error ?? "One moment…"}</p>
    </main>
  );
};

const Panel = () => {
  const { user } = useAuth();
  const readsUsers = useCan("users:read");
  const readsAudit = useCan("audit:read");
  const held: Partial<Record<Permission, boolean>> = { "users:read": readsUsers, "audit:read": readsAudit };
  const menu = pages.filter(({ need }) => !need || held[need]);
  const [wanted, detail] = usePlace();
  const page = menu.find(({ name }) => name === wanted) ?? menu.find(({ name }) => name === (readsUsers ? "users" : "me"))!;
  useRoleNews();
  useEffect(() => settled, []);
  if (!user) return null;
  return (
    <div className="panel">
      <a className="skip" href="#content" onClick={skip}>
        Skip to the content
      </a>
      <aside className="side">
        <p className="brand">
          <Logo /> nguard
        </p>
        <nav aria-label="Pages">
          {menu.map(({ name, title }) => (
            <a key={name} href={"#/" + name} aria-current={name === page.name ? "page" : undefined}>
              <Icon name={name} />
              {title}
            </a>
          ))}
        </nav>
        <Who />
      </aside>
      <main id="content" tabIndex={-1}>
        <Marks />
        {page.name === "users" && <Users />}
        {page.name === "sessions" && <Sessions key={detail} of={readsUsers ? detail || user.id : user.id} />}
        {page.name === "audit" && <Audit />}
        {page.name === "policy" && <Policy />}
        {page.name === "limits" && <Limits />}
        {page.name === "me" && <Me />}
      </main>
    </div>
  );
};

const skip = (e: React.MouseEvent) => {
  e.preventDefault(); // the place behind # is the page
  document.getElementById("content")!.focus();
};

const Who = () => {
  const { user, logout } = useAuth();
  const role = useSession((state) => state.session?.data.role);
  return (
    <div className="who">
      <div className="who-text">
        <strong>{user?.name}</strong>
        <Pill kind={"role-" + role}>{role}</Pill>
      </div>
      <button className="quiet" onClick={() => void logout()}>
        <Icon name="out" /> <span>Sign out</span>
      </button>
    </div>
  );
};

/** Tells of a role that somebody else has changed, at the moment it happens. */
const useRoleNews = () => {
  const role = useSession((state) => state.session?.data.role);
  const before = useRef(role);
  useEffect(() => {
    if (before.current && role && before.current !== role) {
      tell(`Your role is now ${role}. It was ${before.current}.`, "good");
      note(`role: ${before.current} → ${role}`);
    }
    before.current = role;
  }, [role]);
};

/** What stands above every page while it holds: an old picture, a wait, an end that is near. */
const Marks = () => {
  const store = useStore();
  const isStale = useSession((state) => state.isStale);
  const left = useSessionExpiry();
  const ends = left > 0 && left <= 6e4;
  // A live region is read aloud at each change: the countdown stands outside, and that it runs is said once.
  return (
    <div className="marks">
      <div aria-live="polite">
        {isStale && (
          <div className="notice warn" data-mark="stale">
            <p>
              <strong>The server cannot be reached just now.</strong> You are still signed in. What you see is the last that was known.
            </p>
            <button onClick={() => void store.validate()}>Try now</button>
          </div>
        )}
        {ends && <p className="hidden">Your session ends in less than a minute.</p>}
      </div>
      {ends && (
        <div className="notice warn" data-mark="expiry">
          <p role="timer" aria-live="off">
            Your session ends in {clock(left)}.
          </p>
          <button onClick={() => void store.validate()}>Stay signed in</button>
        </div>
      )}
    </div>
  );
};
