import type { Permission } from "./register.js";

// A name is made of segments between ":", as package policy of the server has it. Wildcards are held,
// never asked for.
const name = /^[\w./-]+(:[\w./-]+)*$/;

/**
 * Whether a list of permissions, which may have "*" and wildcards such as "posts:*", holds one. It decides
 * what is shown; the server decides what is done.
 */
export const can = (list: readonly string[], asked: Permission): boolean =>
  name.test(asked) &&
  list.some((held) => held === asked || held === "*" || (held.endsWith(":*") && asked.startsWith(held.slice(0, -1))));
