import { useSession, useSessionUpdate } from "@nguard/browser/react";

export const ThemeButtons = () => {
  const theme = useSession((state) => state.session?.data.theme);
  const { updateSession, error } = useSessionUpdate();
  return (
    <p>
      {["light", "dark"].map((name) => (
        <button key={name} aria-pressed={name === theme} onClick={() => updateSession(null, { theme: name })}>
          {name}
        </button>
      ))}
      {error && <output>{error}</output>}
    </p>
  );
};
