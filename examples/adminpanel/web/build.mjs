// Builds dist, which is kept in git: the same sources give the same bytes. The names of assets hold a hash.
import { mkdirSync, rmSync, writeFileSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const client = here("../../../adapters/browser/src/");

const { outputFiles } = await build({
  absWorkingDir: here("."),
  entryPoints: { app: "src/main.tsx", libraries: "src/libraries.ts" },
  entryNames: "[name]-[hash]",
  chunkNames: "react-[hash]",
  splitting: true,
  outdir: "dist/assets",
  bundle: true,
  minify: true,
  write: false,
  format: "esm",
  target: ["es2022", "chrome123", "firefox120", "safari17.5"],
  jsx: "automatic",
  charset: "utf8",
  legalComments: "inline",
  define: { "process.env.NODE_ENV": '"production"' },
  tsconfigRaw: "{}",
  alias: {
    "@nguard/browser/react": client + "react.ts",
    "@nguard/browser": client + "index.ts",
    // One React for the page and the client, whatever else is installed beside the client.
    react: here("node_modules/react"),
  },
});

rmSync(here("dist"), { recursive: true, force: true });
mkdirSync(here("dist/assets"), { recursive: true });
let page = readFileSync(here("src/index.html"), "utf8");
let compressed = 0;
for (const { path, contents } of outputFiles) {
  const name = basename(path);
  if (name.startsWith("libraries-")) continue; // it only says what goes into the shared file
  writeFileSync(here("dist/assets/" + name), contents);
  page = page.replace(name.replace(/-[A-Z0-9]+/, ""), name);
  const size = gzipSync(contents, { level: 9 }).length;
  compressed += size;
  console.log(`${name}: ${contents.length} bytes, ${size} compressed`);
}
writeFileSync(here("dist/index.html"), page);
compressed += gzipSync(page, { level: 9 }).length;
console.log(`the page in all: ${compressed} of 150000 bytes compressed`);
if (compressed > 150000) process.exitCode = 1;
