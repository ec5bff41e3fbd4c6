// Measures an import of a million users and keys of Django, while a client refreshes tokens over HTTP.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import sqlite3 from "sqlite3";

const CLI = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
const PASSWORD = "correct horse battery staple";
const POSTGRES_URL = process.env.POSTGRES_URL ?? "postgresql://postgres@127.0.0.1:5432/postgres";
const [rows = "1000000"] = process.argv.slice(2);

const secretKey = randomBytes(32).toString("base64url");
const folder = await mkdtemp(join(tmpdir(), "gatehouse-import-"));
try {
  console.log(
    await measure(
      "SQLite",
      openSqlite(join(folder, "django.sqlite")),
      `sqlite:${join(folder, "gatehouse.sqlite")}`,
    ),
  );
  console.log(await measurePostgres());
} finally {
  await rm(folder, { recursive: true });
}

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
    numbers: "generate_series(1, $1) AS n (i)",
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
    numbers:
      "(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) SELECT i FROM n)",
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
    return `| ${name} | ${first.seconds} s | ${first.cpu} s | ${first.megabytes} MB | ${second.seconds} s | ${second.cpu} s | ${times.length} | ${at(0.5)} / ${at(0.99)} / ${at(1)} |`;
  } finally {
    server.child.kill();
  }
}

async function fill({ run: sql, close, numbers }) {
  const from = numbers.replace("$1", rows);
  await sql(`CREATE TABLE auth_user (id integer PRIMARY KEY, password varchar(128), last_login varchar(40), is_superuser smallint,
    username varchar(150), first_name varchar(150), last_name varchar(150), email varchar(254), is_staff smallint, is_active smallint, date_joined varchar(40))`);
  await sql(`INSERT INTO auth_user SELECT i, 'pbkdf2_sha256$260000$c2FsdHNhbHQ$ascIFFtvigNEJWHloUpkETigqNl0DJrrBBjcHrWNXxo=',
    '2026-01-02 03:04:05.678901', 0, 'some.user' || i, 'Ada', 'Lovelace', 'some.user' || i || '@example.com', 0, 1, '2020-01-02 03:04:05.678901' FROM ${from}`);
  await sql(
    `CREATE TABLE authtoken_token ("key" varchar(40) PRIMARY KEY, created varchar(40), user_id integer UNIQUE)`,
  );
  await sql(
    `INSERT INTO authtoken_token SELECT substr('0123456789abcdef0123456789abcdef' || (10000000 + id), 1, 40), '2021-01-02 03:04:05', id FROM auth_user`,
  );
  await close();
}

async function importAll(env, url) {
  const begin = performance.now();
  const output = await run(env, ["import-django", "--from", url], "", [
    "/usr/bin/time",
    "-f",
    "%M KB %U s %S s",
  ]);
  const [, kilobytes, user, system] = /(\d+) KB ([\d.]+) s ([\d.]+) s/.exec(output);
  if (!output.includes(`${Number(rows).toLocaleString("en")} read`)) throw new Error(output);
  return {
    seconds: Math.round((performance.now() - begin) / 1000),
    cpu: Math.round(Number(user) + Number(system)),
    megabytes: Math.round(Number(kilobytes) / 1024),
  };
}

function run(env, parameters, input = "", prefix = []) {
  const [file, ...words] = [...prefix, process.execPath, CLI, ...parameters];
  const child = spawn(file, words, { env });
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
