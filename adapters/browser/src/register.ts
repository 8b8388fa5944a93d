/**
 * The words of one application: its permissions, roles and fields. It is empty here; a file generated
 * from the Go declarations fills it in, and from then on a misspelt word does not compile:
 *
 *     declare module "@nguard/browser" {
 *       interface Register {
 *         permissions: "posts:edit" | "users:read";
 *         roles: "user" | "admin";
 *         fields: { theme: "light" | "dark"; "user.name": string };
 *       }
 *     }
 */
export interface Register {}

type Registered<Key extends string, Default> = Register extends Record<Key, infer Words> ? Words : Default;

type Fields = Registered<"fields", Record<string, unknown>>;

/** A permission that may be asked for. */
export type Permission = Registered<"permissions", string>;

/** A role that a person may have. */
export type Role = Registered<"roles", string>;

/** The person. Declared fields whose names begin with "user." stand here. */
export type User = {
  id: string;
  name?: string;
  email?: string;
  role?: Role;
} & (string extends keyof Fields
  ? Record<string, any>
  : { -readonly [K in keyof Fields as K extends `user.${infer Name}` ? Name : never]: Fields[K] });

/** All other declared fields, with the role and the permissions that the person has beyond it. */
export type Data = {
  role?: Role;
  permissions?: string[];
} & (string extends keyof Fields
  ? Record<string, any>
  : { -readonly [K in keyof Fields as K extends `user.${string}` ? never : K]: Fields[K] });
