// Runs the tests against the example program too, which this script starts and ends. It needs the go command.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../../..", import.meta.url));
const scripts = fileURLToPath(new URL(".", import.meta.url));
const folder = mkdtempSync(tmpdir() + "/nguard-browser-");
const program = folder + "/adminpanel";

const free = () =>
  new Promise((done) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });

const ready = async (url) => {
  for (let tries = 0; tries < 200; tries++) {
    if ((await fetch(url + "/healthz").catch(() => ({}))).ok) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw Error("the program does not answer at " + url);
};

// The adapters share one contract; naming some as arguments tries these.
const adapters = process.argv.length > 2 ? process.argv.slice(2) : ["nethttp", "gin", "fiber"];
try {
  const built = spawnSync("go", ["build", "-o", program, "./examples/adminpanel"], { cwd: repository, stdio: "inherit" });
  if (built.status !== 0) throw Error("the program does not build");
  for (const adapter of adapters) {
    const address = "127.0.0.1:" + (await free());
    const server = spawn(program, ["-addr", address, "-adapter", adapter, "-store", "memory", "-users", "memory"], { stdio: "ignore" });
    try {
      await ready("http://" + address);
      console.log(`== ${adapter}`);
      const env = { ...process.env, NGUARD_BASE_URL: "http://" + address };
      const { status } = spawnSync(process.execPath, [scripts + "test.mjs", "conformance", "samples"], { stdio: "inherit", env });
      if (status !== 0) process.exitCode = 1;
    } finally {
      server.kill();
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
