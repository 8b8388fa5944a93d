import { can, createStore } from "@nguard/browser";

/** Without a framework: the store tells when to draw. */
export const show = (draw: (words: string) => void, options = {}) => {
  const store = createStore(options);
  store.subscribe(() => {
    const { session, status, permissions } = store.getState();
    draw(session ? `${session.user.name}${can(permissions, "posts:edit") ? " edits" : ""}` : status);
  });
  return { store, stop: store.start() };
};
