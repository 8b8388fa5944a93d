import { useEffect, useState } from "react";
import { Can, useStore } from "@nguard/browser/react";

interface Person {
  id: string;
  name: string;
  role: string;
}

export const AdminPanel = () => {
  const store = useStore();
  const [people, setPeople] = useState<Person[]>([]);
  const [error, setError] = useState("");

  const load = async () => {
    const response = await store.fetch("/api/users");
    if (response.ok) setPeople((await response.json()).users);
  };
  useEffect(() => void load(), []);

  const changeRole = async (userId: string, newRole: string) => {
    const response = await store.fetch("/api/auth/update-role", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ userId, newRole }),
    });
    setError(response.ok ? "" : (await response.json()).error);
    await load();
  };

  return (
    <Can do="users:read" fallback={<p>For admins only.</p>}>
      {people.map(({ id, name, role }) => (
        <label key={id}>
          {name}
          <select value={role} onChange={(e) => changeRole(id, e.target.value)}>
            {["user", "moderator", "admin"].map((r) => (
              <option key={r}>{r}</option>
            ))}
          </select>
        </label>
      ))}
      {error && <output>{error}</output>}
    </Can>
  );
};
