export { createServer, type Browser, type Fault, type Server } from "./server.js";
export { createLocks } from "./locks.js";
export { renderWithSession, type Rendered, type RenderOptions } from "./render.js";
export { demoAccounts, demoFields, demoRoles, type Account } from "./people.js";
export type { ServerOptions } from "./world.js";
