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
/** Logins are counted, not timed: what is under way when the time is over would cost CPU and not count. */
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

/** In this order in every round, so that what disturbs the machine disturbs all of them. */
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
// Clients and server are this one process, which gets both cores for it.
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

/** Puts all threads of a process on one core. Only Linux can, and only there the figures are worth much. */
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

/** CPU milliseconds of the server process per request. */
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

/** The median of the rounds' own ratios: both sides of each were measured within seconds of each other. */
function ratio(key, to) {
  return median(samples[key].map((value, round) => value / samples[to][round]));
}

function describe() {
  const [{ model }] = cpus();
  const row = (key, to) =>
    `| ${targets[key].name} | ${median(samples[key]).toFixed(3)} | ${ratio(key, to).toFixed(2)} |`;
  return `# Benchmark results

Written by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}: ${ROUNDS} interleaved rounds of ${SECONDS} s each, ${CONNECTIONS} connections
unless it says one. Machine: ${cpus().length} cores of ${model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version};
server and load ${isPinned ? "on different cores" : "not pinned to cores, so trust nothing below"}. CPU is the server process's own, all threads. Trust the ratios, not the times:
each is the median of the rounds' own ratios to the bare server's time, not the quotient of the medians beside it.

| request | CPU s per 1,000 | to bare Apollo |
|---|---|---|
${row("bare", "bare")}
${row("token", "bare")}
${row("bearer", "bare")}
${row("bareAlone", "bareAlone")}
${row("tokenAlone", "bareAlone")}
${row("bearerAlone", "bareAlone")}

Of a login's CPU (${median(samples.login).toFixed(2)} s per 1,000), ${(ratio("argon2", "login") * 100).toFixed(0)} % is Argon2id.
`;
}
