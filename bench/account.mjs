// Prints where the CPU time of one `me`, `refreshToken` and `login` goes. A profile splits the main thread's time into
// parts. The kernel counts the time of each thread.
import { execFileSync, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fill, PASSWORD, signIn } from "./fill.mjs";
import { startArgon2 } from "./servers/argon2.mjs";

const SERVER_CORE = 0;
const LOAD_CORE = 1;
const USERS = 300;
/** How long password checks alone are measured, in seconds. */
const HASHING = 3;

const ME = "{ me { id username email profile { role } } }";
const LOGIN = `mutation ($username: String!, $password: String!) {
  login(username: $username, password: $password) { access refresh }
}`;
const REFRESH =
  "mutation ($refresh: String!) { refreshToken(refresh: $refresh) { access refresh } }";

/**
 * The parts of the time, with a pattern for each. A stack belongs to the part of its innermost frame that matches a
 * pattern.
 */
const PARTS = [
  [
    "GraphQL: Apollo Server, graphql-js",
    /node_modules\/(@apollo|@graphql-tools|graphql|type-graphql)\//,
  ],
  [
    "HTTP: Fastify",
    /node_modules\/(fastify|@fastify|find-my-way|avvio|pino|secure-json-parse|light-my-request|reusify|fastq)\//,
  ],
  ["Gatehouse: statements", /dist\/database\/|node_modules\/(sqlite3|dataloader)\//],
  ["Gatehouse: tokens and keys", /dist\/(tokens|keys)\/|node_modules\/(jsonwebtoken|jws|jwa)\//],
  ["Gatehouse: rate limits", /dist\/throttling\//],
  ["Gatehouse: the rest", /dist\//],
];

const TARGETS = [
  { name: "`me` by Token, 32 connections", send: sendMe, connections: 32, amount: 20_000 },
  { name: "`me` by Token, one connection", send: sendMe, connections: 1, amount: 10_000 },
  { name: "`refreshToken`, 32 connections", send: refresh, connections: 32, amount: 8000 },
  { name: "`login`, 8 connections", send: login, connections: 8, amount: 300 },
];

pin(process.pid, LOAD_CORE);
const folder = await mkdtemp(join(tmpdir(), "gatehouse-account-"));
const settings = {
  databaseUrl: `sqlite:${join(folder, "bench.sqlite")}`,
  secretKey: randomBytes(32).toString("base64url"),
};
await fill(settings, USERS);
const { tokens, usernames } = await signIn(settings);
const profiles = join(folder, "profiles");
// The profiler itself needs CPU time. So first measure the times without the profiler, and then the shares with it.
const measured = await measureAll([]);
const windows = await measureAll([
  ...["--cpu-prof", `--cpu-prof-dir=${profiles}`, "--cpu-prof-interval=250"],
]);
const [file] = await readdir(profiles);
const profile = JSON.parse(await readFile(join(profiles, file), "utf8"));
await rm(folder, { recursive: true });
for (const [index, times] of measured.entries()) print(times, sharesOf(profile, windows[index]));
console.log(`\nArgon2id alone: ${(await measureArgon2()).toFixed(3)} ms`);

/** Measures each target on a new server. @param execArgv the server's options of Node */
async function measureAll(execArgv) {
  const child = fork(
    new URL("servers/gatehouse.mjs", import.meta.url),
    [JSON.stringify(settings)],
    {
      execArgv,
      env: { ...process.env, NODE_ENV: "production" },
    },
  );
  const [hello] = await once(child, "message");
  // Keep the other threads off the main thread's core. Otherwise they would interrupt the main thread, and the profile
  // would count their time as time of the main thread.
  pin(child.pid, LOAD_CORE);
  pinMainThread(child.pid, SERVER_CORE);
  const results = [];
  for (const target of TARGETS) results.push(await measure({ ...hello, pid: child.pid }, target));
  child.disconnect();
  await once(child, "exit");
  return results;
}

/** Sends `amount` requests. Before, sends a tenth as many to warm up. */
async function measure(server, { name, send, connections, amount }) {
  const { pid } = server;
  const clients = Array.from({ length: connections }, () => ({
    server,
    agent: new Agent({ keepAlive: true, maxSockets: 1 }),
  }));
  const sendAll = async (total) => {
    let sent = 0;
    await Promise.all(
      clients.map(async (client) => {
        while (sent < total) await send(client, (sent += 1));
      }),
    );
  };
  await sendAll(amount / 10);
  const before = await cpuOfThreads(pid);
  const start = process.hrtime.bigint() / 1000n;
  await sendAll(amount);
  const end = process.hrtime.bigint() / 1000n;
  const after = await cpuOfThreads(pid);
  for (const { agent } of clients) agent.destroy();
  const used = (thread) => (after.get(thread) - (before.get(thread) ?? 0)) / amount;
  const all = [...after.keys()].reduce((sum, thread) => sum + used(thread), 0);
  const main = used(pid);
  return { name, start: Number(start), end: Number(end), main, others: all - main };
}

async function sendMe(client, index) {
  await ask(client, { query: ME }, { authorization: tokens[index % tokens.length] });
}

function login(client, index) {
  const variables = { username: usernames[index % usernames.length], password: PASSWORD };
  return ask(client, { query: LOGIN, variables });
}

/** Signs the client in before its first refresh. Each client has its own session. */
async function refresh(client, index) {
  client.refresh ??= (await login(client, index)).login.refresh;
  const { refreshToken } = await ask(client, {
    query: REFRESH,
    variables: { refresh: client.refresh },
  });
  client.refresh = refreshToken.refresh;
}

/** Returns the CPU time of one password check, in milliseconds. */
async function measureArgon2() {
  const { pids, requests, stop } = await startArgon2();
  for (const pid of await pids()) pin(pid, SERVER_CORE);
  const { server } = await requests.hash.measure(HASHING);
  stop();
  return server;
}

/** Returns the CPU time of each thread of a process, in milliseconds. */
async function cpuOfThreads(pid) {
  const tasks = `/proc/${pid}/task`;
  const threads = new Map();
  for (const thread of await readdir(tasks)) {
    const [ran] = (await readFile(join(tasks, thread, "schedstat"), "utf8")).split(" ");
    threads.set(Number(thread), Number(ran) / 1e6);
  }
  return threads;
}

async function ask({ server, agent }, body, headers = {}) {
  const sent = request(server.url, {
    agent,
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
  });
  sent.end(JSON.stringify(body));
  const [response] = await once(sent, "response");
  const { data, errors } = JSON.parse(await text(response));
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}

/** Returns which share of the main thread's time each part has between two instants. */
function sharesOf({ nodes, samples, timeDeltas, startTime }, { start, end }) {
  const parents = new Map(
    nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])),
  );
  const byId = new Map(nodes.map((node) => [node.id, node.callFrame]));
  const partOf = (id) => {
    const { functionName } = byId.get(id);
    if (functionName === "(idle)") return undefined;
    if (functionName === "(garbage collector)") return "garbage collection";
    if (functionName === "(program)") return "native code outside of functions";
    const stack = [];
    for (let frame = id; frame !== undefined; frame = parents.get(frame))
      stack.push(byId.get(frame).url);
    for (const frame of stack) {
      const [part] = PARTS.find(([, pattern]) => pattern.test(frame)) ?? [];
      if (part !== undefined) return part;
    }
    return "HTTP and streams: Node";
  };
  const parts = new Map();
  let at = startTime;
  let total = 0;
  for (const [index, id] of samples.entries()) {
    at += timeDeltas[index];
    const part = at >= start && at < end ? partOf(id) : undefined;
    if (part === undefined) continue;
    // A sample stands for the time until the next sample.
    const time = timeDeltas[index + 1] ?? 0;
    parts.set(part, (parts.get(part) ?? 0) + time);
    total += time;
  }
  return [...parts]
    .map(([part, time]) => [part, time / total])
    .sort((one, other) => other[1] - one[1]);
}

function print({ name, main, others }, shares) {
  const row = (part, time) =>
    `| ${part} | ${time.toFixed(3)} | ${((100 * time) / (main + others)).toFixed(0)} % |`;
  console.log(`\n${name}\n\n| part | CPU ms | share |\n|---|---|---|`);
  for (const [part, share] of shares) console.log(row(part, share * main));
  console.log(row("other threads", others));
  console.log(row("all", main + others));
}

/** Pins all threads of a process to `core`. Works only on Linux. */
function pin(pid, core) {
  taskset("--all-tasks", "--cpu-list", "--pid", String(core), String(pid));
}

function pinMainThread(pid, core) {
  taskset("--cpu-list", "--pid", String(core), String(pid));
}

function taskset(...parameters) {
  execFileSync("taskset", parameters, { stdio: "ignore" });
}
