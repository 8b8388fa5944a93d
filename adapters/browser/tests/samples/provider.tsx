import type { ReactNode } from "react";
import { SessionProvider } from "@nguard/browser/react";

export const Root = ({ children }: { children: ReactNode }) => (
  <SessionProvider onExpire={() => alert("Please log in again.")}>{children}</SessionProvider>
);
