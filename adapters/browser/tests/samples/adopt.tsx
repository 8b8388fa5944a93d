import { useSession, useSessionUpdate, useStore } from "@nguard/browser/react";

/** The same in one request: adoptSession takes the answer as it is. */
export const AdoptButton = ({ role }: { role: string }) => {
  const store = useStore();
  const current = useSession((state) => state.session?.data.role);
  const { adoptSession } = useSessionUpdate();

  const change = async () => {
    const response = await store.fetch("/api/auth/update", { method: "POST", body: JSON.stringify({ role }) });
    if (response.ok) adoptSession(await response.json());
  };

  return (
    <button onClick={change}>
      {current} to {role}
    </button>
  );
};
