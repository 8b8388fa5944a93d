import { useState } from "react";
import { useSession } from "@nguard/browser/react";

/** As written for clients of version 0.2: the page posts by itself, then hands both parts to updateSession. */
export const RoleButton = ({ role, fetch = globalThis.fetch }: { role: string; fetch?: typeof globalThis.fetch }) => {
  const { session, updateSession } = useSession();
  const [message, setMessage] = useState("");

  const change = async () => {
    const response = await fetch("/api/auth/update", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ role }),
    });
    const answer = await response.json();
    if (!response.ok) {
      setMessage(answer.error);
      return;
    }
    await updateSession(answer.session.user, answer.session.data);
    setMessage("You are " + role + " now");
  };

  return (
    <p>
      <b>{session?.data.role}</b>
      <button onClick={change}>Become {role}</button>
      <output>{message}</output>
    </p>
  );
};
