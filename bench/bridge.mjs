// Measures CPU of the REST bridge and of the same views of Django under gunicorn, in interleaved rounds.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { findFreePort } from "./free-port.mjs";
import { cpuOf, describeMachine, replaceSection } from "./report.mjs";

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 9);
const SECONDS = Number(process.env.BENCH_SECONDS ?? 2);
const CONNECTIONS = 16;
const USERS = 20;
const PASSWORD = "correct horse battery staple";
const CLI = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
const PROJECT = fileURLToPath(new URL("../test/django", import.meta.url));
const PYTHON = process.env.DJANGO_PYTHON ?? "/usr/bin/python3";
const POSTGRES_URL = process.env.POSTGRES_URL ?? "postgresql://postgres@127.0.0.1:5432/postgres";

/**
 * The servers. Gunicorn's documentation advises 2 × cores + 1 workers. Of its kinds of workers, only `sync` closes the
 * connection after each response.
 */
const SERVERS = {
  bridge: { name: "bridge", keepsAlive: true, words: ["serve"] },
  sync: { name: "gunicorn, sync", keepsAlive: false, words: ["--workers", "5"] },
  gthread: {
    name: "gunicorn, gthread",
    keepsAlive: true,
    words: ["--worker-class", "gthread", "--workers", "2", "--threads", "4", "--keep-alive", "5"],
  },
};

const json = (body) => ({ method: "POST", body: JSON.stringify(body) });

/** Functions that return a request with the tokens of a user. */
const REQUESTS = {
  "`GET /profile/` by Token": ({ key }) => ["/profile/", { authorization: `Token ${key}` }],
  "`GET /profile/` by Bearer": ({ access }) => ["/profile/", { authorization: `Bearer ${access}` }],
  "`POST /token/refresh/`": ({ refresh }) => ["/token/refresh/", json({ refresh })],
  "`POST /token/verify/`": ({ access: token }) => ["/token/verify/", json({ token })],
  "`POST /login/`": ({ username }) => ["/login/", json({ username, password: PASSWORD })],
};

const folder = await mkdtemp(join(tmpdir(), "gatehouse-bridge-"));
const tables = [];
try {
  const files = ["django", "gatehouse"].map((name) => `sqlite:${join(folder, `${name}.sqlite`)}`);
  tables.push(await measure("SQLite", ...files));
  tables.push(await measurePostgres());
} finally {
  await rm(folder, { recursive: true });
}
await replaceSection(`## The REST bridge and Django

\`npm run bench:bridge\` ${describeMachine()}: ${ROUNDS} interleaved rounds of ${SECONDS} s
for each cell, ${CONNECTIONS} requests at a time, from ${USERS} users whom \`gatehouse import-django\` has imported. Django is Debian 12's (3.2, with Django
REST framework 3.14, simplejwt 5.2 and gunicorn 20.1), with the project of \`test/django\`: 5 sync workers; or 2 gthread workers
with 4 threads each and keep-alive. Every request was answered with 200. Cells are CPU ms per request of all processes of the
server, the database server's not included; ratios are medians of the rounds' ratios to the bridge. Django connects to PostgreSQL
for each request, as it does without CONN_MAX_AGE. The users of Django have PBKDF2 hashes with 260,000 iterations; at the bridge
they have Argon2id since their first login.

${tables.join("\n\n")}
`);

async function measurePostgres() {
  const names = ["gatehouse_bridge_django", "gatehouse_bridge"];
  const admin = new pg.Client({ connectionString: POSTGRES_URL });
  await admin.connect();
  const drop = async () => {
    for (const name of names) await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  };
  try {
    await drop();
    for (const name of names) await admin.query(`CREATE DATABASE ${name}`);
    const urls = names.map((name) => Object.assign(new URL(POSTGRES_URL), { pathname: name }).href);
    return await measure("PostgreSQL", ...urls);
  } finally {
    await drop();
    await admin.end();
  }
}

/** Returns a table of the report. */
async function measure(database, djangoUrl, gatehouseUrl) {
  const django = {
    PATH: process.env.PATH,
    PYTHONDONTWRITEBYTECODE: "1",
    DATABASE_URL: djangoUrl,
    SECRET_KEY: randomBytes(32).toString("hex"),
  };
  const gatehouse = {
    PATH: process.env.PATH,
    NODE_ENV: "development",
    LOG_LEVEL: "warn",
    DATABASE_URL: gatehouseUrl,
    SECRET_KEY: randomBytes(32).toString("base64url"),
    DJANGO: "on",
    REST_BRIDGE: "on",
    // All load comes from one address, which would reach the default limits.
    LOGINS_PER_ADDRESS: "1000000",
    REQUESTS_PER_ADDRESS: "1000000",
    REFRESHES_PER_ADDRESS: "1000000",
    REFRESHES_PER_SESSION: "1000000",
  };
  const keys = await createUsers(django);
  await run([process.execPath, CLI, "migrate", "--create"], { env: gatehouse });
  await run([process.execPath, CLI, "import-django", "--from", djangoUrl], { env: gatehouse });
  const started = [];
  try {
    for (const [id, server] of Object.entries(SERVERS)) {
      const port = await findFreePort();
      const child =
        id === "bridge"
          ? start([process.execPath, CLI, ...server.words], { ...gatehouse, PORT: String(port) })
          : start(
              [
                PYTHON,
                "-m",
                "gunicorn",
                "--bind",
                `127.0.0.1:${port}`,
                ...server.words,
                "project.wsgi",
              ],
              django,
            );
      started.push({ ...server, id, port, child });
    }
    for (const server of started) await waitFor(server);
    return describe(database, await measureRounds(started, keys));
  } finally {
    for (const { child } of started) child.kill();
  }
}

/** Returns the users with their keys. */
async function createUsers(env) {
  const code = `
import json
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token
password = make_password(${JSON.stringify(PASSWORD)})
users = [User(username=f"user{i}", email=f"user{i}@example.com", password=password) for i in range(${USERS})]
for user in users: user.save()
print(json.dumps([{"username": user.username, "key": Token.objects.create(user=user).key} for user in users]))`;
  await run([PYTHON, "manage.py", "migrate", "--verbosity", "0"], { cwd: PROJECT, env });
  return JSON.parse(await run([PYTHON, "manage.py", "shell", "-c", code], { cwd: PROJECT, env }));
}

/** Returns the CPU ms per request of each round, for each kind of request and each server. */
async function measureRounds(servers, keys) {
  const samples = {};
  // The first round warms up, and replaces the hashes of Django at the bridge.
  for (let round = 0; round <= ROUNDS; round += 1) {
    process.stderr.write(`round ${round} of ${ROUNDS}\n`);
    for (const server of servers) server.users = await signIn(server, keys);
    for (const [name, build] of Object.entries(REQUESTS)) {
      for (const server of servers) {
        const cpu = await load(server, build);
        if (round > 0) ((samples[name] ??= {})[server.id] ??= []).push(cpu);
      }
    }
  }
  return samples;
}

/** Returns the users with new tokens, because access tokens expire after 5 minutes. */
async function signIn(server, keys) {
  const agent = new Agent();
  const users = [];
  for (const user of server.users ?? keys) {
    const body = json({ username: user.username, password: PASSWORD });
    // A refresh token is valid for a day, so one login is enough.
    const tokens = user.refresh
      ? await send(server, agent, "/token/refresh/", json({ refresh: user.refresh }))
      : await send(server, agent, "/token/", body);
    users.push({ ...user, ...tokens });
  }
  return users;
}

/** Returns the CPU time of the server's processes per request, in milliseconds. */
async function load(server, build) {
  const agent = new Agent({ keepAlive: server.keepsAlive });
  const before = await cpuOfAll(server.child.pid);
  const end = performance.now() + SECONDS * 1000;
  let requests = 0;
  const work = async () => {
    while (performance.now() < end) {
      const user = server.users[requests++ % USERS];
      const [path, { authorization, ...options }] = build(user);
      await send(server, agent, path, options, authorization);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
  const after = await cpuOfAll(server.child.pid);
  agent.destroy();
  return ((after - before) * 1000) / requests;
}

/** Returns the JSON of an answer. @throws Error if it is not 200 */
function send({ name, port }, agent, path, { method = "GET", body } = {}, authorization) {
  const headers = {
    ...(authorization === undefined ? {} : { authorization }),
    ...(body === undefined
      ? {}
      : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
  };
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, agent, path, method, headers }, (response) => {
      let text = "";
      response.on("data", (chunk) => (text += chunk));
      response.on("error", reject);
      response.on("end", () => {
        if (response.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(`${name} ${path}: ${response.statusCode} ${text.slice(0, 300)}`));
      });
    });
    sent.on("error", (error) => reject(new Error(`${name} ${path}: ${error.message}`)));
    sent.end(body);
  });
}

/** Returns the CPU seconds of a process and its workers. */
async function cpuOfAll(pid) {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  const all = await Promise.all([pid, ...children.trim().split(" ").filter(Boolean)].map(cpuOf));
  return all.reduce((sum, cpu) => sum + cpu, 0);
}

function start([file, ...words], env) {
  const child = spawn(file, words, { cwd: PROJECT, env, stdio: ["ignore", "ignore", "pipe"] });
  child.output = "";
  child.stderr.on("data", (chunk) => (child.output += chunk));
  return child;
}

async function waitFor({ port, child }) {
  while (!(await fetch(`http://127.0.0.1:${port}/profile/`).catch(() => null))) {
    if (child.exitCode !== null) throw new Error(child.output);
    await sleep(100);
  }
}

/** Runs a program. Returns what it prints. */
function run([file, ...words], options) {
  const child = spawn(file, words, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  let [printed, errors] = ["", ""];
  child.stdout.on("data", (chunk) => (printed += chunk));
  child.stderr.on("data", (chunk) => (errors += chunk));
  return new Promise((resolve, reject) => {
    child.on("close", (code) => (code === 0 ? resolve(printed) : reject(new Error(errors))));
  });
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function describe(database, samples) {
  const rows = Object.entries(samples).map(([name, { bridge, sync, gthread }]) => {
    const cells = [bridge, sync, gthread].map((values) => median(values).toFixed(2));
    const ratios = [sync, gthread].map((values) =>
      median(values.map((value, round) => value / bridge[round])).toFixed(1),
    );
    return `| ${[name, ...cells, ...ratios].join(" | ")} |`;
  });
  const names = Object.values(SERVERS).map(({ name }) => name);
  const heads = [database, ...names, "sync to bridge", "gthread to bridge"];
  return [`| ${heads.join(" | ")} |`, `|${"---|".repeat(heads.length)}`, ...rows].join("\n");
}
