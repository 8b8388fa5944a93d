import type { Data, Role, User } from "./register.js";

/** What the server shows of a session. */
export interface Session {
  user: User;
  data: Data;
  /** When it ends, in milliseconds since 1970 on the clock of the server. */
  expires: number;
  role?: Role;
  permissions?: string[];
}

/** Why the last session is gone. */
export type Reason = "logout" | "expired" | "revoked";

/** What a page shows. A state never changes: each change makes another one, whose equal parts are the same. */
export interface State {
  session: Session | null;
  /** "loading" until the server has answered for the first time, and never again. */
  status: "loading" | "authenticated" | "unauthenticated";
  /** What the server said of the last failure, for people. */
  error: string | null;
  /** The server cannot be asked just now: what is shown is the last that it said. */
  isStale: boolean;
  /** Why there is no session any more. */
  reason: Reason | null;
  /** Until when requests are held back, as the server has asked, in milliseconds since 1970 here. */
  retryAfter: number | null;
  /** What the person may do, by role or otherwise, as the server has derived it. */
  permissions: readonly string[];
}

/** How an action ended. Actions never throw. */
export interface Result {
  success: boolean;
  message: string;
  /** The same text when it has failed. */
  error?: string;
  /** The name of the failure, which does not change with its wording. */
  code?: string;
  /** The HTTP status, 0 without an answer. */
  status: number;
  session: Session | null;
  /** How long to wait before another try, in milliseconds. */
  retryAfter?: number;
}

/** A login answers with the session's own members too, which some applications read. */
export type LoginResult = Result & Partial<Pick<Session, "user" | "data" | "expires">>;

export interface Validation {
  valid: boolean;
  session: Session | null;
  /** Milliseconds that the session has left. */
  expiresIn: number;
  error: string | null;
}

/** What happened, for those who want to tell a person. */
export interface SessionEvent {
  /** "updated": somebody or something else than this page changed the session. */
  type: "updated" | "rate_limited" | Reason;
  /** For "rate_limited": milliseconds to wait, and the path that waits. */
  retryAfter?: number;
  path?: string;
}

export interface UpdateOptions {
  /** Show the change before the server has answered. Default: true, for fields that are not protected. */
  optimistic?: boolean;
}

export interface Updates {
  user?: Partial<User> | null;
  data?: Partial<Data> | null;
}

/** What an application's own function answers: a session, an answer with one, or an error. */
export type Answer = Session | { session?: Session | null; error?: string } | null | undefined | void;

export interface StoreOptions {
  /** The session that the page was rendered with: null is nobody, undefined is not known. */
  session?: Session | null;
  /** What that person may do, for the first rendering. */
  permissions?: readonly string[];
  /** Where the endpoints are. Default: "/api/auth". */
  basePath?: string;
  /** Ask the server again when the page is looked at again. Default: true. */
  refetchOnFocus?: boolean;
  /** Learn of changes as they happen, over one connection for all tabs. Default: true. */
  events?: boolean;
  /** Tell other tabs and hear from them. Default: true. */
  crossTab?: boolean;
  /** More fields that are never shown before the server has agreed. */
  protectedFields?: readonly string[];

  /** For tests and other surroundings than a browser's. */
  fetch?: typeof fetch;
  EventSource?: typeof EventSource | null;
  locks?: Pick<LockManager, "request"> | null;
}

export interface Store {
  getState(): State;
  /** The state that the page was rendered with. */
  initial: State;
  /** Calls back without an event when the state has changed, and with one when there is something to tell. */
  subscribe(listener: (event?: SessionEvent) => void): () => void;
  /** Begins to ask and to listen, until the returned function is called. */
  start(): () => void;

  login(credentials?: unknown): Promise<LoginResult>;
  logout(): Promise<Result>;
  /** Sends what differs from the session, in the order of the calls. One object {user, data} works too. */
  updateSession(user: Partial<User> | null | undefined, data?: Partial<Data> | null, options?: UpdateOptions): Promise<Result>;
  updateSession(updates: Updates, data?: undefined, options?: UpdateOptions): Promise<Result>;
  /** Asks the server for the session now. That is use of the session, unless passive says that no person has caused it. */
  validate(passive?: boolean): Promise<Validation>;
  /** Takes a session, or a whole answer with one, that the application has fetched itself: best by fetch of the store, which knows its version. */
  adoptSession(answer: Answer): void;
  /** Milliseconds until the session ends, 0 without one. */
  expiresIn(): number;
  /** fetch, for an application's own requests: it notices what the answers tell of the session. */
  fetch: typeof fetch;
}
