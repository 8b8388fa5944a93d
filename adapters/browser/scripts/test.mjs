// Compiles the tests and runs them with node's own runner. Arguments are names of test files to run alone.
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const out = root + ".test";
const only = process.argv.slice(2);
const names = readdirSync(root + "tests").filter((n) => /\.test\.tsx?$/.test(n) && (!only.length || only.some((o) => n.startsWith(o))));

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
  external: ["react", "react-dom", "react/*", "react-dom/*", "happy-dom"],
  logLevel: "warning",
});
const files = names.map((n) => `${out}/${n.replace(/\.tsx?$/, ".mjs")}`);
const { status } = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...files], { stdio: "inherit", cwd: root });
rmSync(out, { recursive: true, force: true });
process.exit(status ?? 1);
