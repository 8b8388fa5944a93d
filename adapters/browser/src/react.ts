import {
  createContext, createElement, useContext, useEffect, useRef, useState, useSyncExternalStore, type ReactNode,
} from "react";
import { withOwn } from "./own.js";
import { can } from "./permission.js";
import type { Permission, User } from "./register.js";
import { share } from "./share.js";
import { createStore } from "./store.js";
import type { Answer, Session, SessionEvent, State, Store, StoreOptions } from "./types.js";

export interface SessionProviderProps extends StoreOptions {
  children?: ReactNode;
  /** A store that the application has made itself. Without one the provider makes its own. */
  store?: Store;
  /** Ask the server every so many milliseconds. Default: never. */
  refetchInterval?: number;

  // Functions of the application in place of requests to the endpoints.
  onLogin?: (credentials: any) => Promise<Answer> | Answer;
  onLogout?: () => unknown;
  /** Gets what differs from the session. */
  onUpdateSession?: (user: any, data: any) => Promise<Answer> | Answer;
  onInitialize?: () => Promise<Answer> | Answer;

  onSessionChange?: (session: Session | null) => void;
  onExpire?: () => void;
  onError?: (message: string) => void;
  /** Accepted and not needed: scripts cannot see the cookie. */
  cookieName?: string;
}

const Context = createContext<Store | null>(null);

/** The store of the nearest provider. */
export const useStore = (): Store => {
  const store = useContext(Context);
  if (!store) throw Error("nguard: no SessionProvider");
  return store;
};

export const SessionProvider = (props: SessionProviderProps): ReactNode => {
  const latest = useRef(props);
  const [store] = useState(() => props.store ?? createStore({ ...props, fetch: withOwn(latest) }));
  const { refetchInterval, children } = props;

  useEffect(() => {
    latest.current = props;
  });
  useEffect(() => {
    let before = store.getState();
    const leave = store.subscribe((event) => {
      const { current } = latest;
      const { session, error } = before;
      before = store.getState();
      if (before.session !== session) current.onSessionChange?.(before.session);
      if (before.error && before.error !== error) current.onError?.(before.error);
      if (event?.type === "expired") current.onExpire?.();
    });
    const stop = store.start();
    const timer = refetchInterval && setInterval(store.validate, refetchInterval, true);
    return () => {
      clearInterval(timer);
      stop();
      leave();
    };
  }, [store, refetchInterval]);

  return createElement(Context.Provider, { value: store }, children);
};

/** Selects from the state. What is equal to what was selected before is the same, and renders nothing. */
const useSelected = <T>(select: (state: State) => T, equal?: (a: T, b: T) => boolean): T => {
  const store = useStore();
  const last = useRef<any>(undefined);
  const get = (state: State) => {
    const next = select(state);
    return (last.current = last.current && equal?.(last.current, next) ? last.current : share(last.current, next));
  };
  return useSyncExternalStore(
    store.subscribe,
    () => get(store.getState()),
    () => get(store.initial),
  );
};

export interface UseSessionOptions {
  /** Somebody must be signed in here: else onUnauthenticated is called, for example to show the login. */
  required?: boolean;
  onUnauthenticated?: () => void;
}

export type SessionState = State & { isLoading: boolean } & Pick<Store, "login" | "logout" | "updateSession" | "adoptSession">;

/** The session and what to do with it, or what a selector takes from the state. */
export function useSession(options?: UseSessionOptions): SessionState;
export function useSession<T>(selector: (state: State) => T, equal?: (a: T, b: T) => boolean): T;
export function useSession(arg?: any, equal?: any): any {
  const store = useStore();
  const selects = typeof arg === "function";
  const state = useSelected<any>(selects ? arg : (all) => all, equal);
  const missing = arg?.required && state.status === "unauthenticated";
  useEffect(() => {
    if (missing) arg.onUnauthenticated?.();
  }, [missing]);
  return selects ? state : { ...store, ...state, isLoading: state.status === "loading" };
}

/** The person. */
export const useAuth = () => {
  const all = useSession();
  return { ...all, user: (all.session?.user ?? null) as User | null, isAuthenticated: !!all.session };
};

/** An action of the store, with whether it runs and what it said of its last failure. */
const useAction = <Name extends "login" | "logout" | "updateSession" | "validate">(name: Name) => {
  const store = useStore();
  const [state, set] = useState<{ isLoading: boolean; error: string | null }>({ isLoading: false, error: null });
  const [act] = useState(() => async (...args: any[]) => {
    set({ isLoading: true, error: null });
    const result = await (store[name] as any)(...args);
    set({ isLoading: false, error: result.error ?? null });
    return result;
  });
  return { [name]: act, ...state } as Pick<Store, Name> & { isLoading: boolean; error: string | null };
};

export const useLogin = () => useAction("login");
export const useLogout = () => useAction("logout");
export const useSessionUpdate = () => ({ ...useAction("updateSession"), adoptSession: useStore().adoptSession });
export const useValidateSession = () => useAction("validate");

/** Whether the person may do something. It decides what is shown; the server decides what is done. */
export const useCan = (permission: Permission): boolean => useSelected((state) => can(state.permissions, permission));

/** Shows its children to those who may do something, and the fallback to others. */
export const Can = ({ do: permission, fallback, children }: { do: Permission; fallback?: ReactNode; children?: ReactNode }): ReactNode =>
  useCan(permission) ? children : fallback;

/** Milliseconds until the session ends, to the second. */
export const useSessionExpiry = (): number => {
  const store = useStore();
  return useSyncExternalStore(
    (changed) => {
      const timer = setInterval(changed, 1e3);
      const leave = store.subscribe(changed);
      return () => {
        clearInterval(timer);
        leave();
      };
    },
    () => Math.ceil(store.expiresIn() / 1e3) * 1e3,
    () => 0,
  );
};

/** Calls back with what happens to the session. */
export const useSessionEvents = (listener: (event: SessionEvent) => void): void => {
  const store = useStore();
  useEffect(() => store.subscribe((event) => event && listener(event)));
};

