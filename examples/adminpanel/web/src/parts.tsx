import { useEffect, useRef, useSyncExternalStore, type ReactNode } from "react";

const paths = {
  users: "M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8m-7 10v-2a4 4 0 0 1 4-4h6a4 4 0 0 1 4 4v2m0-18a4 4 0 0 1 0 8m6 10v-2a4 4 0 0 0-3-3.9",
  sessions: "M3 5h18v11H3zM8 21h8m-4-5v5",
  audit: "M8 3h8l4 4v14H4V3zm0 7h8m-8 4h8m-8 4h5",
  policy: "M12 2 4 5v7c0 5 4 8 8 10 4-2 8-5 8-10V5zM9 12l2 2 4-4",
  limits: "M4 19a9 9 0 1 1 16 0M12 14l4-5",
  me: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8m-8 9a8 8 0 0 1 16 0",
  out: "M10 21H4V3h6m6 13 4-4-4-4m4 4H9",
  again: "M20 11a8 8 0 1 0-2 6m2-12v6h-6",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8m0-14v2m0 16v2M2 12h2m16 0h2M5 5l1.5 1.5m11 11L19 19M5 19l1.5-1.5m11-11L19 5",
  moon: "M20 14A8 8 0 1 1 10 4a7 7 0 0 0 10 10z",
  lock: "M6 11h12v10H6zm2 0V7a4 4 0 0 1 8 0v4",
} as const;

export type IconName = keyof typeof paths;

export const Icon = ({ name }: { name: IconName }) => (
  <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
    <path d={paths[name]} />
  </svg>
);

export const Logo = () => (
  <svg className="logo" viewBox="0 0 32 32" aria-hidden="true">
    <path className="logo-shield" d="M16 2 4 6v9c0 8 5 13 12 15 7-2 12-7 12-15V6z" />
    <path className="logo-tick" d="m10.5 16 4 4 7-8" />
  </svg>
);

/** A role, or another short word, as a pill. */
export const Pill = ({ kind = "", children }: { kind?: string; children: ReactNode }) => <span className={"pill " + kind}>{children}</span>;

export const Failed = ({ children, onRetry }: { children: ReactNode; onRetry?: () => void }) => (
  <div className="notice bad" role="alert">
    <p>{children}</p>
    {onRetry && <button onClick={onRetry}>Try again</button>}
  </div>
);

/** The head of a page. It takes the focus when somebody has come here, so that a screen reader reads it. */
export const Head = ({ title, children, actions }: { title: string; children?: ReactNode; actions?: ReactNode }) => {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = title + " – nguard admin panel";
    if (moved) heading.current?.focus();
    moved = true;
  }, [title]);
  return (
    <header className="head">
      <div>
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {children && <p className="muted">{children}</p>}
      </div>
      {actions && <div className="actions">{actions}</div>}
    </header>
  );
};
let moved = false;

/** The first head after a login or a load is not somebody's move. */
export const settled = () => {
  moved = false;
};

export const Refresh = ({ onClick }: { onClick: () => void }) => (
  <button className="quiet" onClick={onClick}>
    <Icon name="again" /> Refresh
  </button>
);

/** A wide table scrolls by itself, also with the keyboard. */
export const Wide = ({ label, children }: { label: string; children: ReactNode }) => (
  <div className="wide card" role="region" aria-label={label} tabIndex={0}>
    {children}
  </div>
);

// What has happened is told in one live region for all pages, and goes away by itself.
interface Told {
  id: number;
  text: string;
  kind: "good" | "bad" | "";
}
let told: readonly Told[] = [];
let last = 0;
const listeners = new Set<() => void>();
const set = (to: readonly Told[]) => {
  told = to;
  listeners.forEach((listener) => listener());
};

export const tell = (text: string, kind: Told["kind"] = "") => {
  const id = ++last;
  set([...told.slice(-2), { id, text, kind }]);
  setTimeout(() => set(told.filter((one) => one.id !== id)), 6e3);
};

export const Messages = () => {
  const list = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => told,
  );
  return (
    <div className="messages" role="status" aria-live="polite">
      {list.map(({ id, text, kind }) => (
        <p key={id} className={"message " + kind}>
          {text}
        </p>
      ))}
    </div>
  );
};
