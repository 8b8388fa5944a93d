import { createServer, type Browser } from "@nguard/browser/testing";
import { realBrowser } from "./real.js";

/** A server that speaks the contract, whichever it is. */
export interface Target {
  name: string;
  /** A browser with an empty cookie jar. */
  browser(): Browser["options"];
}

/** The server in memory, always, and the one that NGUARD_BASE_URL names, when it does. */
export const targets = (): Target[] => {
  const fake = createServer({ updatesPerMinute: 10 });
  const url = process.env.NGUARD_BASE_URL;
  const all: Target[] = [{ name: "in memory", browser: () => fake.browser().options }];
  if (url) all.push({ name: url, browser: () => realBrowser(url) });
  return all;
};
