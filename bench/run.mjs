// Measures CPU seconds of the server process per 1,000 requests, in interleaved rounds, and writes results.md.
import { execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { cpus, release, totalmem } from "node:os";
import autocannon from "autocannon";
import { measurePrune } from "./prune.mjs";
import { measureStorm } from "./storm.mjs";

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 9);
const SECONDS = Number(process.env.BENCH_SECONDS ?? 2);
const ROWS = Number(process.env.BENCH_ROWS ?? 1_000_000);
const CONNECTIONS = 32;
/**
 * The number of logins and hashes. It is fixed instead of the time: otherwise, logins still running at the end would
 * use CPU time, but not count.
 */
const HASHES = 64 * SECONDS;
const SERVER_CORE = 0;
const LOAD_CORE = 1;

const ME = "{ me { id username email profile { role } } }";
const LOGIN = `mutation ($username: String!, $password: String!) {
  login(username: $username, password: $password) { access }
}`;

const isPinned = pin(process.pid, LOAD_CORE);
const bare = await start("bare.mjs");
const gatehouse = await start("gatehouse.mjs");
const argon2 = await start("argon2.mjs");

const body = JSON.stringify({ query: ME });
const asEach = (values) => values.map((authorization) => ({ headers: { authorization } }));
const { visitors, tokens, bearers, password } = gatehouse.hello;
const logins = visitors.map((username) => ({
  body: JSON.stringify({ query: LOGIN, variables: { username, password } }),
}));

/** The measurements of each round. All are in every round, so that other load on the machine affects all of them. */
const targets = {
  bare: { name: "`me`, bare Apollo, constant", measure: () => load(bare, { body }) },
  token: {
    name: "`me` by Token",
    measure: () => load(gatehouse, { body, requests: asEach(tokens) }),
  },
  bearer: {
    name: "`me` by Bearer",
    measure: () => load(gatehouse, { body, requests: asEach(bearers) }),
  },
  bareAlone: {
    name: "`me`, bare Apollo, one connection",
    measure: () => load(bare, { body, connections: 1 }),
  },
  tokenAlone: {
    name: "`me` by Token, one connection",
    measure: () => load(gatehouse, { body, requests: asEach(tokens), connections: 1 }),
  },
  bearerAlone: {
    name: "`me` by Bearer, one connection",
    measure: () => load(gatehouse, { body, requests: asEach(bearers), connections: 1 }),
  },
  login: { name: "`login`", measure: () => load(gatehouse, { requests: logins, amount: HASHES }) },
  argon2: { name: "Argon2id alone", measure: hash },
};

const samples = Object.fromEntries(Object.keys(targets).map((key) => [key, []]));
for (const { measure } of Object.values(targets)) await measure(); // warm up
for (let round = 1; round <= ROUNDS; round += 1) {
  process.stderr.write(`round ${round} of ${ROUNDS}\n`);
  for (const [key, { measure }] of Object.entries(targets)) samples[key].push(await measure());
}
for (const { child } of [bare, gatehouse, argon2]) child.kill();

process.stderr.write("a storm of logins\n");
// Here, clients and server run in this process, so it gets both cores.
pin(process.pid, `${SERVER_CORE},${LOAD_CORE}`);
const storm = await measureStorm();
pin(process.pid, LOAD_CORE);
process.stderr.write("pruning\n");
const report = `${describe()}\n${storm}\n${await measurePrune(ROWS)}`;
process.stdout.write(report);
await writeFile(new URL("results.md", import.meta.url), report);

async function start(file) {
  const child = fork(new URL(file, import.meta.url), {
    env: { ...process.env, NODE_ENV: "production" },
  });
  const [hello] = await once(child, "message");
  pin(child.pid, SERVER_CORE);
  return { child, hello };
}

/** Pins all threads of a process to `core`. Works only on Linux: do not trust figures from other systems. */
function pin(pid, core) {
  try {
    execFileSync("taskset", ["--all-tasks", "--cpu-list", "--pid", String(core), String(pid)], {
      stdio: "ignore",
    });
    return true;
  } catch {
    return false;
  }
}

/** Returns the CPU time of the server process per request, in milliseconds. */
async function load(server, options) {
  const before = await cpuOf(server);
  const result = await autocannon({
    url: server.hello.url,
    method: "POST",
    headers: { "content-type": "application/json" },
    connections: CONNECTIONS,
    duration: SECONDS,
    verifyBody: (text) => text.startsWith('{"data"'),
    ...options,
  });
  const after = await cpuOf(server);
  const bad = result.non2xx + result.errors + result.mismatches;
  if (bad > 0) throw new Error(`${bad} bad answers`);
  return (after - before) / 1000 / result.requests.total;
}

async function hash() {
  argon2.child.send(HASHES);
  const [{ cpu }] = await once(argon2.child, "message");
  return cpu / 1000 / HASHES;
}

async function cpuOf({ child }) {
  child.send("cpu");
  const [{ cpu }] = await once(child, "message");
  return cpu;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Returns the median of the ratios of each round: both sides of a ratio were measured within seconds. */
function ratio(key, to) {
  return median(samples[key].map((value, round) => value / samples[to][round]));
}

function describe() {
  const [{ model }] = cpus();
  const row = (key, to) =>
    `| ${targets[key].name} | ${median(samples[key]).toFixed(3)} | ${ratio(key, to).toFixed(2)} |`;
  return `# Benchmark results

Written by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}: ${ROUNDS} interleaved rounds of ${SECONDS} s each, ${CONNECTIONS} connections
unless the row says otherwise. Machine: ${cpus().length} cores of ${model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version};
server and load ${isPinned ? "on different cores" : "not pinned to cores: do not trust the figures"}. CPU is that of the server process, all threads. Trust the ratios, not the times:
each is the median of the rounds' ratios to the bare server, not the quotient of the medians.

| request | CPU s per 1,000 | to bare Apollo |
|---|---|---|
${row("bare", "bare")}
${row("token", "bare")}
${row("bearer", "bare")}
${row("bareAlone", "bareAlone")}
${row("tokenAlone", "bareAlone")}
${row("bearerAlone", "bareAlone")}

Argon2id takes ${(ratio("argon2", "login") * 100).toFixed(0)} % of a login's CPU (${median(samples.login).toFixed(2)} s per 1,000).
`;
}
