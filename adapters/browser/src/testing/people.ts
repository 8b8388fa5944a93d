/** A person who can log in to the server in memory. */
export interface Account {
  id: string;
  email: string;
  password: string;
  name: string;
  role: string;
  permissions: string[];
  data: Record<string, unknown>;
}

/** One session of a person, as the server keeps it. */
export interface Row {
  id: string;
  account: Account;
  version: number;
  /** When it ends unless it is used. */
  expires: number;
  /** When it ends however much it is used. */
  absolute: number;
}

/** The three people of the example program, with its fields. */
export const demoAccounts = (): Account[] =>
  [
    ["1", "Ada Admin", "admin"],
    ["2", "Mo Moderator", "moderator"],
    ["3", "Uma User", "user"],
  ].map(([id, name, role]) => ({
    id: id!,
    name: name!,
    role: role!,
    email: role + "@example.com",
    password: "nguard-demo",
    permissions: [],
    data: { theme: "light", language: "en", notifications: true, visits: 0 },
  }));

/** What each role of the example may do. */
export const demoRoles: Record<string, string[]> = {
  user: [],
  moderator: ["posts:edit"],
  admin: ["audit:read", "posts:edit", "users:read"],
};

const among =
  (...values: unknown[]) =>
  (value: unknown) =>
    values.includes(value);
const text = (value: unknown) => typeof value === "string" && value.length > 0 && value.length <= 80;

/** The fields that may be changed by their owner, with what is accepted. */
export const demoFields: Record<string, (value: unknown) => boolean> = {
  "user.name": text,
  "user.email": (value) => text(value) && (value as string).includes("@"),
  theme: among("light", "dark"),
  language: among("en", "tr", "de"),
  notifications: among(true, false),
};

/** The session as it is shown: a copy, so that nobody's change reaches the server. */
export const shown = ({ account, expires }: Row) => {
  const { id, name, email, role, permissions, data } = account;
  return structuredClone({
    user: { id, name, email, role },
    data: { ...data, role, permissions },
    expires,
    role,
    permissions,
  });
};
