import { useState } from "react";
import { useAuth, useLogin, useSession } from "@nguard/browser/react";
import { Failed, Logo } from "./parts";
import { clock, useNow } from "./words";

const demo = [
  ["Ada", "admin"],
  ["Mo", "moderator"],
  ["Uma", "user"],
] as const;

const farewells = {
  logout: "You are signed out.",
  expired: "Your session has ended. Please log in again.",
  revoked: "You were signed out: the session was ended from elsewhere.",
};

export const Login = () => {
  const { login, isLoading, error } = useLogin();
  const { logout } = useAuth();
  const reason = useSession((state) => state.reason);
  // What the page began with: a later error is of another request, such as a look at the session.
  const began = useSession((state) => state.error);
  // A logout that failed leaves the session and its cookie alive: the page must not say that they are gone.
  const [failure, setFailure] = useState(reason === "logout" ? began : null);
  const [again, setAgain] = useState(false);
  const farewell = again ? "logout" : reason;
  const retry = async () => {
    const r = await logout();
    setAgain(true);
    setFailure(r.success ? null : (r.error ?? "No answer."));
  };
  const now = useNow();
  const until = useSession((state) => state.retryAfter) ?? 0;
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [remember, setRemember] = useState(false);
  return (
    <main className="login">
      <div className="login-head">
        <Logo />
        <h1>nguard admin panel</h1>
        <p className="muted">Sessions, roles and records, live.</p>
      </div>
      {failure && !error && <Failed onRetry={() => void retry()}>Not signed out: {failure}</Failed>}
      {farewell && !error && !failure && (
        <p className="notice" role="status">
          {farewells[farewell]}
        </p>
      )}
      <form
        className="card"
        onSubmit={(e) => {
          e.preventDefault();
          void login({ email, password, remember });
        }}
      >
        <label>
          E-mail address
          <input type="email" name="email" autoComplete="username" required value={email} onChange={(e) => setEmail(e.target.value)} />
        </label>
        <label>
          Password
          <input
            type="password"
            name="password"
            autoComplete="current-password"
            required
            value={password}
            onChange={(e) => setPassword(e.target.value)}
          />
        </label>
        <label className="check">
          <input type="checkbox" checked={remember} onChange={(e) => setRemember(e.target.checked)} />
          Stay signed in on this device
        </label>
        {error && <Failed>{error}</Failed>}
        {isLoading && until > now && (
          <p className="muted">
            <span role="status">The server asks to wait before the next try:</span> <span role="timer">{clock(until - now)}</span>
          </p>
        )}
        <button className="primary" disabled={isLoading}>
          {isLoading ? "Signing in…" : "Sign in"}
        </button>
      </form>
      <section className="demo" aria-labelledby="demo">
        <h2 id="demo">Demo accounts</h2>
        <div className="accounts">
          {demo.map(([name, role]) => (
            <button
              key={role}
              onClick={() => {
                setEmail(role + "@example.com");
                setPassword("nguard-demo");
              }}
            >
              {name} <small>{role}</small>
            </button>
          ))}
        </div>
        <p className="muted">They fill in the form. The password is in the terminal’s output.</p>
      </section>
    </main>
  );
};
