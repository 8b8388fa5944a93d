import { act, createElement, type ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { SessionProvider, useStore, type SessionProviderProps } from "../react.js";
import type { Store } from "../types.js";
import { createServer, type Browser, type Server } from "./server.js";

export interface RenderOptions extends SessionProviderProps {
  /** Who is signed in, by e-mail address. Default: nobody. */
  as?: string;
  server?: Server;
  browser?: Browser;
}

export interface Rendered {
  container: HTMLElement;
  store: Store;
  server: Server;
  browser: Browser;
  /** Runs something and waits until React has shown what came of it. */
  act(work: () => unknown): Promise<void>;
  unmount(): Promise<void>;
}

/** Renders an element with a session of the server in memory, and waits for the first answer. It needs a document. */
export const renderWithSession = async (element: ReactNode, options: RenderOptions = {}): Promise<Rendered> => {
  const { as, server = createServer(), browser = server.browser(), ...props } = options;
  if (as) browser.signIn(as);
  (globalThis as any).IS_REACT_ACT_ENVIRONMENT = true;
  const container = document.body.appendChild(document.createElement("div"));
  const root = createRoot(container);
  let store!: Store;
  const Keep = () => {
    store = useStore();
    return null;
  };
  const run = (work: () => unknown) => act(async () => void (await work()));
  await run(() => root.render(createElement(SessionProvider, { ...browser.options, ...props }, createElement(Keep), element)));
  await run(() => store.validate());
  return {
    container,
    store,
    server,
    browser,
    act: run,
    async unmount() {
      await run(() => root.unmount());
      container.remove();
    },
  };
};
