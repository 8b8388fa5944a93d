import { can, createStore } from "@nguard/browser";
import { Can, useCan, useSession, useSessionUpdate } from "@nguard/browser/react";
import "./register.js";

// What the application has registered compiles, and each line below a mark must not.
export const Page = () => {
  const edits: boolean = useCan("posts:edit");
  // @ts-expect-error: a typo.
  useCan("posts:edti");
  // @ts-expect-error: a wildcard is held, never asked for.
  useCan("posts:*");

  const theme: "light" | "dark" | undefined = useSession((state) => state.session?.data.theme);
  // @ts-expect-error: no such field.
  useSession((state) => state.session?.data.them);
  const nickname: string | undefined = useSession((state) => state.session?.user.nickname);
  // @ts-expect-error: a field of the user is not one of data.
  useSession((state) => state.session?.data.nickname);

  const { updateSession } = useSessionUpdate();
  void updateSession({ nickname: "u" }, { theme: "dark", role: "admin" });
  void updateSession({ data: { notifications: true } });
  void updateSession(null, { theme: "dark" }, { optimistic: false });
  // @ts-expect-error: not a value of the field.
  void updateSession(null, { theme: "pink" });
  // @ts-expect-error: no such role.
  void updateSession(null, { role: "root" });
  // @ts-expect-error: no such field.
  void updateSession({ data: { colour: "red" } });

  return (
    <>
      <Can do="users:read" fallback={edits}>
        {theme}
        {nickname}
      </Can>
      {/* @ts-expect-error: a typo. */}
      <Can do="user:read" />
    </>
  );
};

const store = createStore();
can(store.getState().permissions, "users:read");
// @ts-expect-error: a typo.
can(store.getState().permissions, "users:red");
