import { json, refuse, refuseWith } from "./answers.js";
import { shown, type Account, type Row } from "./people.js";
import type { World } from "./world.js";

/** One request to the server in memory. */
export interface Call {
  method: string;
  path: string;
  headers: Headers;
  text: string;
  row?: Row;
  /** Gives the browser another cookie, or takes it. */
  setCookie(id: string | null): void;
}

const guarded = ["role", "roles", "permissions", "isAdmin", "isSuperAdmin"];

const body = (call: Call): Record<string, any> | undefined => {
  try {
    const value = JSON.parse(call.text);
    return value && typeof value === "object" && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
};

/** What an answer says of the session, beside the session. */
const told = (world: World, row: Row) => ({
  session: shown(row),
  permissions: world.permissionsOf(row.account),
  expiresIn: row.expires - Date.now(),
});

const login = (world: World, call: Call) => {
  const sent = body(call);
  if (!sent) return refuse("malformed");
  if (!sent.email || !sent.password) return refuse("missing_credentials");
  const account = world.accounts.find((a) => a.email === sent.email && a.password === sent.password);
  if (!account) return refuse("bad_credentials");
  if (call.row) world.end(call.row, "revoked");
  call.row = world.begin(account);
  call.setCookie(call.row.id);
  return json(200, { success: true, message: "You are signed in.", ...told(world, call.row) });
};

const logout = (world: World, call: Call) => {
  if (call.row) world.end(call.row, "revoked");
  call.row = undefined;
  call.setCookie(null);
  return json(200, { ok: true, success: true, message: "You are signed out." });
};

const validate = (world: World, call: Call) => {
  if (!call.row) return call.method === "HEAD" ? refuse("no_session") : json(200, { valid: false, ...JSON.parse(refusal) });
  const etag = `"${world.versionOf(call.row)}.0"`;
  // The tag says nothing of the end, and 304 has no body that could.
  const headers = { etag, "nguard-session-expires-in": String(call.row.expires - Date.now()) };
  if (call.headers.get("if-none-match") === etag) return json(304, null, headers);
  return json(200, { valid: true, ...told(world, call.row) }, headers);
};
const refusal = JSON.stringify({ error: "You are not signed in.", message: "You are not signed in.", code: "no_session" });

/** The members of an update by field, whichever of the two forms it has. */
const named = (sent: Record<string, any>) =>
  Object.entries(sent).flatMap(([part, value]) => {
    if (part !== "user" && part !== "data") return [[part, value] as const];
    return Object.entries(value ?? {}).map(([key, v]) => {
      const own = part === "user" && !guarded.includes(key);
      return [own ? "user." + key : key, v] as const;
    });
  });

const update = (world: World, { row, ...call }: Call) => {
  const no = { success: false };
  if (!row) return refuse("no_session", no);
  const wait = world.limit(row.account);
  if (wait) return refuseWith(429, { "retry-after": String(wait) });
  const sent = body(call as Call);
  if (!sent) return refuse("malformed", no);
  const account = row.account as any;
  const next: Record<string, unknown> = {};
  let usable = false;
  for (const [field, value] of named(sent)) {
    const same = JSON.stringify(world.valueOf(account, field)) === JSON.stringify(value);
    if (guarded.includes(field) || field === "user.id") {
      usable = true;
      if (same) continue;
      if (field === "user.id" || !world.isAdmin(account)) return refuse("forbidden", no);
    } else if (!world.fields[field]) continue;
    else if (!world.fields[field](value)) return refuse("invalid_value", no);
    usable = true;
    if (!same) next[field] = value;
  }
  if (!usable) return refuse("no_usable_field", no);
  if (Object.keys(next).length) world.change(account, next);
  return json(200, { success: true, message: "Saved.", ...told(world, row) });
};

const updateRole = (world: World, call: Call) => {
  const no = { success: false };
  if (!call.row) return refuse("no_session", no);
  const { userId, newRole, permissions } = body(call) ?? {};
  if (!userId || (!newRole && !permissions)) return refuse("malformed", no);
  if (!world.isAdmin(call.row.account)) return refuse("forbidden", no);
  const account = world.accounts.find((a) => a.id === userId);
  if (!account) return refuse("no_such_user", no);
  if (newRole && !(newRole in world.roles)) return refuse("invalid_value", no);
  world.change(account, { ...(newRole && { role: newRole }), ...(permissions && { permissions }) });
  const own = account === call.row.account && told(world, call.row);
  return json(200, { ok: true, success: true, message: "The role is changed.", user: person(account), ...own });
};

const person = ({ id, name, email, role, permissions }: Account) => ({ id, name, email, role, permissions });

const users = (world: World, { row }: Call) => {
  if (!row) return refuse("no_session");
  if (!world.permissionsOf(row.account).includes("users:read")) return refuse("forbidden");
  return json(200, { users: world.accounts.map(person) });
};

const session = (world: World, { row }: Call) =>
  row ? json(200, told(world, row)) : refuse("no_session", { session: null });

const profile = (world: World, call: Call) => update(world, { ...call, text: JSON.stringify({ user: body(call) ?? 0 }) });

type Handler = (world: World, call: Call) => Response;

/** The paths of the contract, by method. */
const routes: Record<string, Record<string, Handler>> = {
  "/api/auth/login": { POST: login },
  "/api/auth/logout": { POST: logout },
  "/api/auth/session": { GET: session },
  "/api/auth/validate": { GET: validate, HEAD: validate },
  "/api/auth/update": { POST: update },
  "/api/auth/profile": { POST: profile },
  "/api/auth/update-role": { POST: updateRole },
  "/api/users": { GET: users },
};

/** Answers a request as the server of the contract does. */
export const answer = (world: World, call: Call): Response => {
  const methods = routes[call.path];
  if (!methods) return refuse("not_found");
  return methods[call.method]?.(world, call) ?? refuse("method_not_allowed");
};
