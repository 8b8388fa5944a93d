import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

const manifest = JSON.parse(readFileSync("package.json", "utf8"));

test("each entry of the package loads, from its own name, and has types", { skip: !existsSync("dist") && "not built" }, () => {
  const code = (name: string) => `console.log(Object.keys(await import("${name}")).sort().join(" "))`;
  const exported = (name: string) => execFileSync(process.execPath, ["--input-type=module", "-e", code(name)], { encoding: "utf8" }).trim();
  assert.equal(exported("@nguard/browser"), "can createStore");
  assert.equal(
    exported("@nguard/browser/react"),
    "Can SessionProvider useAuth useCan useLogin useLogout useSession useSessionEvents useSessionExpiry useSessionUpdate useStore useValidateSession",
  );
  assert.match(exported("@nguard/browser/testing"), /createServer .*renderWithSession/);
  for (const entry of Object.values<any>(manifest.exports)) if (entry.types) assert.ok(existsSync(entry.types) && existsSync(entry.default));
});

test("the package has no dependencies, and a bundler may drop what is not used", () => {
  assert.equal(manifest.dependencies, undefined);
  assert.equal(manifest.sideEffects, false);
});

test("the lock names versions and hashes, and no place to get them from", () => {
  assert.doesNotMatch(readFileSync("package-lock.json", "utf8"), /"resolved"/);
});
