// Measures logins and refreshes over HTTP while a million expired sessions are deleted.
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import sqlite3 from "sqlite3";
import { createServer } from "../dist/index.js";

const PASSWORD = "correct horse battery staple";
const CALM = 5_000;

/**
 * Measures, and returns the result as a section of the report.
 * @param {number} rows how many expired sessions to delete
 */
export async function measurePrune(rows) {
  const folder = await mkdtemp(join(tmpdir(), "gatehouse-prune-"));
  const path = join(folder, "prune.sqlite");
  const secretKey = randomBytes(32).toString("base64url");
  const options = {
    ...{ port: 0, databaseUrl: `sqlite:${path}`, secretKey, logLevel: "warn" },
    // All load comes from one address, which would reach the default limits.
    loginsPerAddress: 1_000_000,
    requestsPerAddress: 1_000_000,
    refreshesPerAddress: 1_000_000,
    refreshesPerSession: 1_000_000,
    loginFailuresPerAccount: 100,
  };
  const server = await createServer(options);
  try {
    const userId = await server.auth.accounts.createUser({ username: "ada", password: PASSWORD });
    // Bob refreshes, because ada's 101st login ends her oldest session.
    await server.auth.accounts.createUser({ username: "bob", password: PASSWORD });
    await insertExpired(path, userId, rows);
    const calm = await observe(server.url, () => sleep(CALM));
    const busy = await observe(server.url, () => server.auth.maintenance.prune());
    await insertExpired(path, userId, rows / 5);
    const alone = await observe(server.url, () => server.auth.maintenance.prune(), false);
    return describe(rows, calm, busy, alone);
  } finally {
    await server.close();
    await rm(folder, { recursive: true });
  }
}

function insertExpired(path, userId, rows) {
  const past = Date.now() - 90 * 86_400_000;
  return new Promise((resolve, reject) => {
    const database = new sqlite3.Database(path);
    database.run(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       INSERT INTO session (id, user_id, scheme, credentials_version, created_at, rotated_at, expires_at, refresh_expires_at)
       SELECT lower(hex(randomblob(16))), ?, 'JWT', 0, ? + i, ? + i, ? + i, ? + i FROM n`,
      [rows, userId, past, past, past, past],
      (error) => database.close(() => (error ? reject(error) : resolve())),
    );
  });
}

/** Refreshes and logs in continuously while `work` runs. */
async function observe(url, work, hasLogins = true) {
  let isOver = false;
  const until = async (request) => {
    const times = [];
    while (!isOver) {
      const begin = performance.now();
      await request();
      times.push(performance.now() - begin);
    }
    return times.sort((a, b) => a - b);
  };
  const login = (username) =>
    ask(url, `mutation { login(username: "${username}", password: "${PASSWORD}") { refresh } }`);
  let { refresh } = (await login("bob")).login;
  const rotate = async () => {
    const answer = await ask(url, `mutation { refreshToken(refresh: "${refresh}") { refresh } }`);
    ({ refresh } = answer.refreshToken);
    await sleep(5);
  };
  const begin = performance.now();
  const loops = [hasLogins ? until(() => login("ada")) : [], until(rotate)];
  const result = await work();
  const duration = performance.now() - begin;
  isOver = true;
  const [logins, refreshes] = await Promise.all(loops);
  return { result, duration, logins, refreshes };
}

async function ask(url, query) {
  const response = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query }),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(`refused while pruning: ${JSON.stringify(errors)}`);
  return data;
}

function describe(rows, calm, busy, alone) {
  const at = (times, share) =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))].toFixed(0);
  const line = (name, a, b) =>
    `| ${name} | ${a.length} | ${at(a, 0.5)} / ${at(a, 0.99)} / ${at(a, 1)} | ${b.length} | ${at(b, 0.5)} / ${at(b, 0.99)} / ${at(b, 1)} |`;
  return `## Pruning ${rows.toLocaleString("en")} expired sessions

${busy.result.toLocaleString("en")} rows were deleted in ${(busy.duration / 1000).toFixed(0)} s from SQLite, while a client logged in and another
refreshed continuously, over HTTP and on the same core. No request failed. Wall times in ms: median / 99th percentile / longest.

| request | calm | | while pruning | |
|---|---|---|---|---|
${line("\`login\`", calm.logins, busy.logins)}
${line("\`refreshToken\`", calm.refreshes, busy.refreshes)}

Without logins, where Argon2 takes most of the core, ${alone.refreshes.length} refreshes while ${alone.result.toLocaleString("en")} rows were deleted took
${at(alone.refreshes, 0.5)} / ${at(alone.refreshes, 0.99)} / ${at(alone.refreshes, 1)} ms. That is also the longest time that a writer waits for the lock.
`;
}
