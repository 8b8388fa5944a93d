// Compiles the tests and runs them with node's own runner. Arguments are names of test files to run alone, after
// --preact if it is to stand in for React.
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const out = root + ".test";
const preact = process.argv[2] === "--preact";
const only = process.argv.slice(preact ? 3 : 2);
const names = readdirSync(root + "tests").filter((n) => /\.test\.tsx?$/.test(n) && (!only.length || only.some((o) => n.startsWith(o))));
for (const o of only)
  if (!names.some((n) => n.startsWith(o))) throw Error("no test file begins with " + o);

rmSync(out, { recursive: true, force: true });
await build({
  entryPoints: names.map((n) => root + "tests/" + n),
  outdir: out,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  ignoreAnnotations: true,
  platform: "node",
  format: "esm",
  target: "node20",
  jsx: "automatic",
  sourcemap: "inline",
  tsconfig: root + "tsconfig.json",
  // Preact is bundled with what uses it: node's own resolver would give each of its entries to React's names.
  external: preact ? ["happy-dom"] : ["react", "react-dom", "react/*", "react-dom/*", "happy-dom"],
  alias: preact ? { react: root + "tests/preact.js", "react/jsx-runtime": "preact/jsx-runtime", "react-dom/client": "preact/compat/client", "react-dom/server": "preact/compat/server" } : {},
  logLevel: "warning",
});
const files = names.map((n) => `${out}/${n.replace(/\.tsx?$/, ".mjs")}`);
const { status } = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...files], { stdio: "inherit", cwd: root });
rmSync(out, { recursive: true, force: true });
process.exit(status ?? 1);
