// Code generated from the Go declarations by nguard's policy/tsgen. DO NOT EDIT.

import "@nguard/browser";

declare module "@nguard/browser" {
  interface Register {
    roles: "user" | "moderator" | "admin";
    permissions: "audit:read" | "posts:edit" | "users:read";
    fields: {
      "user.name": string;
      "user.email": string;
      "theme": "light" | "dark";
      "language": "en" | "tr" | "de";
      "notifications": boolean;
      "visits": number;
    };
  }
}
