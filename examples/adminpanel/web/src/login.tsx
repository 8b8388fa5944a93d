import { useState } from "react";
import { useLogin, useSession } from "@nguard/browser/react";
import { Failed, Logo } from "./parts";

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
  const reason = useSession((state) => state.reason);
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
      {reason && !error && (
        <p className="notice" role="status">
          {farewells[reason]}
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
