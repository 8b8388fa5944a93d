export { createStore } from "./store.js";
export { can } from "./permission.js";
export type { Data, Permission, Register, Role, User } from "./register.js";
export type {
  Answer, LoginResult, Reason, Result, Session, SessionEvent, State, Store, StoreOptions, UpdateOptions, Updates, Validation,
} from "./types.js";
