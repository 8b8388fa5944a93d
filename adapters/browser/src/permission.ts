// A name is made of segments between ":", as package policy of the server has it. Wildcards are held,
// never asked for.
const name = /^[\w./-]+(:[\w./-]+)*$/;

/** Whether holding one permission, which may be "*" or a wildcard such as "posts:*", means holding another. */
export const covers = (held: string, asked: string): boolean =>
  name.test(asked) && (held === asked || held === "*" || (held.endsWith(":*") && asked.startsWith(held.slice(0, -1))));
