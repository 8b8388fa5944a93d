declare module "@nguard/browser" {
  interface Register {
    permissions: "posts:edit" | "users:read";
    roles: "user" | "moderator" | "admin";
    fields: { theme: "light" | "dark"; notifications: boolean; "user.nickname": string };
  }
}

export {};
