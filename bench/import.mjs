// Measures an import of a million users and keys of Django, while a client refreshes tokens over HTTP.
import { spawn } from "node:child_process";
import { hash, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import sqlite3 from "sqlite3";
import { cpuOf, describeMachine, replaceSection } from "./report.mjs";

const CLI = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
const PASSWORD = "correct horse battery staple";
const POSTGRES_URL = process.env.POSTGRES_URL ?? "postgresql://postgres@127.0.0.1:5432/postgres";
const [rows = "1000000", ...named] = process.argv.slice(2);
const databases = named.length > 0 ? named : ["sqlite", "postgresql"];

const secretKey = randomBytes(32).toString("base64url");
const folder = await mkdtemp(join(tmpdir(), "gatehouse-import-"));
const lines = [];
try {
  if (databases.includes("sqlite")) {
    const target = `sqlite:${join(folder, "gatehouse.sqlite")}`;
    lines.push(await measure("SQLite", openSqlite(join(folder, "django.sqlite")), target));
    process.stderr.write(`${lines.at(-1)}\n`);
  }
  if (databases.includes("postgresql")) lines.push(await measurePostgres());
} finally {
  await rm(folder, { recursive: true });
}
const count = Number(rows).toLocaleString("en");
await replaceSection(`## Importing ${count} users and ${count} keys of Django

\`npm run bench:import\` ${describeMachine()}: \`gatehouse import-django\` from a database of the same
kind, while a client refreshes tokens at \`gatehouse serve\` on the same database, every 20 ms. All users have names, addresses,
passwords and keys of their own. No refresh failed. CPU is that of the importing process; its memory is given after a tenth
of the time, after half of it, and at its peak. The second import finds nothing to do. Refreshes: median / 99th percentile / longest.

| database | import | CPU | memory | second import | refreshes | in ms |
|---|---|---|---|---|---|---|
${lines.join("\n")}
`);

async function measurePostgres() {
  const names = ["gatehouse_bench_django", "gatehouse_bench"];
  const admin = new pg.Client({ connectionString: POSTGRES_URL });
  await admin.connect();
  const drop = async () => {
    for (const name of names) await admin.query(`DROP DATABASE IF EXISTS ${name}`);
  };
  const [source, target] = names.map(
    (name) => Object.assign(new URL(POSTGRES_URL), { pathname: name }).href,
  );
  try {
    await drop();
    for (const name of names) await admin.query(`CREATE DATABASE ${name}`);
    return await measure("PostgreSQL", await openPostgres(source), target);
  } finally {
    await drop();
    await admin.end();
  }
}

async function openPostgres(url) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return {
    url,
    run: (sql) => client.query(sql),
    close: () => client.end(),
  };
}

function openSqlite(path) {
  const database = new sqlite3.Database(path);
  const call = (method, ...values) =>
    new Promise((resolve, reject) => {
      database[method](...values, (error) => (error ? reject(error) : resolve()));
    });
  return {
    url: `sqlite:${path}`,
    run: (sql) => call("run", sql),
    close: () => call("close"),
  };
}

/** Fills a Django database, imports it twice, and returns a line of the report. */
async function measure(name, source, databaseUrl) {
  await fill(source);
  const env = {
    ...process.env,
    DATABASE_URL: databaseUrl,
    SECRET_KEY: secretKey,
    DJANGO: "on",
    PORT: "0",
    NODE_ENV: "development",
  };
  await run(env, ["migrate", "--create"]);
  await run(env, ["create-user", "bob", "--password-stdin"], `${PASSWORD}\n`);
  const server = await serve(env);
  try {
    const load = refreshUntil(server.url);
    const first = await importAll(env, source.url);
    const times = await load.stop();
    const second = await importAll(env, source.url);
    const at = (share) =>
      times[Math.min(times.length - 1, Math.floor(times.length * share))].toFixed(0);
    return `| ${name} | ${first.seconds} s | ${first.cpu} s | ${first.memory} | ${second.seconds} s | ${times.length} | ${at(0.5)} / ${at(0.99)} / ${at(1)} |`;
  } finally {
    server.child.kill();
  }
}

/** Fills a Django database. Names and hashes are random. Dates ascend with the ids. */
async function fill({ run: sql, close }) {
  await sql(`CREATE TABLE auth_user (id integer PRIMARY KEY, password varchar(128), last_login varchar(40), is_superuser smallint,
    username varchar(150), first_name varchar(150), last_name varchar(150), email varchar(254), is_staff smallint, is_active smallint, date_joined varchar(40))`);
  await sql(
    `CREATE TABLE authtoken_token ("key" varchar(40) PRIMARY KEY, created varchar(40), user_id integer UNIQUE)`,
  );
  const begin = Date.parse("2016-01-01T00:00:00Z");
  const at = (time) => new Date(time).toISOString().replace("T", " ").slice(0, 23);
  for (let id = 1; id <= rows;) {
    const [users, keys] = [[], []];
    for (; users.length < 10_000 && id <= rows; id += 1) {
      const random = hash("sha256", `user ${id}`, "buffer");
      const name = `${random.toString("hex", 0, 4)}.${id}`;
      const password = `pbkdf2_sha256$260000$${random.toString("hex", 4, 15)}$${random.toString("base64")}`;
      const joined = begin + (id / rows) * 10 * 365 * 86_400_000;
      const login = joined + random.readUInt32BE(16) * 10;
      users.push(
        `(${id}, '${password}', '${at(login)}', 0, '${name}', 'Ada', 'Lovelace', '${name}@example.com', 0, 1, '${at(joined)}')`,
      );
      keys.push(`('${hash("sha1", `key ${id}`)}', '${at(joined)}', ${id})`);
    }
    await sql(`INSERT INTO auth_user VALUES ${users.join(", ")}`);
    await sql(`INSERT INTO authtoken_token VALUES ${keys.join(", ")}`);
  }
  await close();
}

/** Runs an import, and samples its memory and CPU time while it runs. */
async function importAll(env, url) {
  const begin = performance.now();
  const samples = [];
  const output = await run(env, ["import-django", "--from", url], "", async (child) => {
    while (child.exitCode === null) {
      await sample(child.pid, samples);
      await sleep(500);
    }
  });
  if (!output.includes(`${Number(rows).toLocaleString("en")} read`)) throw new Error(output);
  const memory = samples.map(({ megabytes }) => megabytes);
  const after = (share) => memory[Math.floor(memory.length * share)];
  return {
    seconds: Math.round((performance.now() - begin) / 1000),
    cpu: Math.round(samples.at(-1).cpu),
    memory: `${after(0.1)} / ${after(0.5)} / ${Math.max(...memory)} MB`,
  };
}

async function sample(pid, samples) {
  const [status, cpu] = await Promise.all([
    readFile(`/proc/${pid}/status`, "utf8").catch(() => ""),
    cpuOf(pid).catch(() => 0),
  ]);
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(status) ?? [];
  if (kilobytes !== undefined) samples.push({ megabytes: Math.round(kilobytes / 1024), cpu });
}

function run(env, parameters, input = "", watch = () => undefined) {
  const child = spawn(process.execPath, [CLI, ...parameters], { env });
  void watch(child);
  child.stdin.end(input);
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => (output += chunk));
  return new Promise((resolve, reject) => {
    child.on("close", (code) => (code === 0 ? resolve(output) : reject(new Error(output))));
  });
}

async function serve(env) {
  const child = spawn(process.execPath, [CLI, "serve"], {
    env: {
      ...env,
      REFRESHES_PER_SESSION: "1000000",
      REFRESHES_PER_ADDRESS: "1000000",
      REQUESTS_PER_ADDRESS: "1000000",
    },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => (output += chunk));
  for (;;) {
    const [, url] = /"Gatehouse listens on ([^"]+)"/.exec(output) ?? [];
    if (url !== undefined) return { child, url };
    if (child.exitCode !== null) throw new Error(output);
    await sleep(100);
  }
}

/** Refreshes a token continuously. Fails if one refresh is refused. */
function refreshUntil(url) {
  let isOver = false;
  const ask = async (query) => {
    const response = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query }),
    });
    const { data, errors } = await response.json();
    if (errors) throw new Error(`refused during the import: ${JSON.stringify(errors)}`);
    return data;
  };
  const work = async () => {
    const times = [];
    let { refresh } = (
      await ask(`mutation { login(username: "bob", password: "${PASSWORD}") { refresh } }`)
    ).login;
    while (!isOver) {
      const begin = performance.now();
      ({ refresh } = (
        await ask(`mutation { refreshToken(refresh: "${refresh}") { refresh } }`)
      ).refreshToken);
      times.push(performance.now() - begin);
      await sleep(20);
    }
    return times.sort((a, b) => a - b);
  };
  const done = work();
  done.catch(() => undefined);
  return {
    stop: () => {
      isOver = true;
      return done;
    },
  };
}
