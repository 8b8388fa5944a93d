// Measures what a page downloads: minified, compressed, without React. More than the limit is an error.
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const limits = [
  ["core", 3000, 'export * from "./src/index.ts"'],
  ["core with hooks", 4000, 'export * from "./src/index.ts"; export * from "./src/react.ts"'],
];

for (const [name, limit, contents] of limits) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: new URL("..", import.meta.url).pathname, loader: "ts" },
    bundle: true, minify: true, write: false, format: "esm", target: "es2022", external: ["react"],
  });
  const size = gzipSync(outputFiles[0].contents, { level: 9 }).length;
  console.log(`${name}: ${size} of ${limit} bytes (${outputFiles[0].contents.length} before compression)`);
  if (size > limit) process.exitCode = 1;
}
