// Prints the time and the CPU time that `gatehouse serve` needs from the start of the process to its first response.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cpuOf } from "./report.mjs";

const STARTS = 10;

const CLI = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
const folder = await mkdtemp(join(tmpdir(), "gatehouse-start-"));
const env = {
  ...process.env,
  PORT: "0",
  SECRET_KEY: randomBytes(32).toString("base64url"),
  DATABASE_URL: `sqlite:${join(folder, "bench.sqlite")}`,
};
await start(); // creates the tables and the first admin
const starts = [];
for (let count = 0; count < STARTS; count += 1) starts.push(await start());
await rm(folder, { recursive: true });
for (const [index, name] of ["ready", "CPU"].entries()) {
  const values = starts.map((measured) => measured[index]).sort((one, other) => one - other);
  const [least, median] = [values[0], values[STARTS >> 1]];
  console.log(`${name}: ${median.toFixed(0)} ms, at least ${least.toFixed(0)} ms`);
}

/** Returns the time until the first answer, and the CPU time until then, in milliseconds. */
async function start() {
  const begin = performance.now();
  const child = spawn(process.execPath, [CLI, "serve"], {
    env,
    stdio: ["ignore", "pipe", "ignore"],
  });
  let output = "";
  let url;
  while (url === undefined) {
    const [chunk] = await once(child.stdout, "data");
    output += chunk;
    [, url] = /"Gatehouse listens on ([^"]+)"/.exec(output) ?? [];
  }
  await fetch(`${url}/health/ready`);
  const ready = performance.now() - begin;
  const cpu = await cpuOf(child.pid);
  child.stdout.resume();
  child.kill();
  await once(child, "exit");
  return [ready, cpu * 1000];
}
