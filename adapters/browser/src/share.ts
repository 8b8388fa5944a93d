import type { Updates } from "./types.js";

/**
 * Returns b with those parts of a in it that are equal, and a itself when all of it is: whoever compares
 * by identity then sees only what has changed. Other things than plain objects and arrays are taken as they are.
 */
export const share = (a: any, b: any): any => {
  const kind = b?.constructor;
  if (a === b || kind !== a?.constructor || (kind !== Object && kind !== Array)) return b;
  const out: any = kind();
  const keys = Object.keys(b);
  let same = Object.keys(a).length === keys.length;
  for (const key of keys) same = (out[key] = share(a[key], b[key])) === a[key] && key in a && same;
  return same ? a : out;
};

/** The members of an update that differ from the session, without some, or undefined. */
export const diff = (session: any, updates: any, without?: (key: string) => unknown): Updates | undefined => {
  let out: any;
  for (const part of ["user", "data"])
    for (const key in updates[part]) {
      const have = session?.[part]?.[key];
      const want = updates[part][key];
      if (share(have, want) !== have && !without?.(key)) ((out ??= {})[part] ??= {})[key] = want;
    }
  return out;
};

/** The session with an update in it. Objects are merged one level deep, as the server does. */
export const merge = (session: any, updates: any): any => ({
  ...session,
  user: { ...session?.user, ...updates?.user },
  data: { ...session?.data, ...updates?.data },
});
