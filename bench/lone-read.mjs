// Prints the cost of a single read. `sqlite3` runs each statement on a thread of libuv's pool, and no other read shares
// that cost here.
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import sqlite3 from "sqlite3";

const ROUNDS = 5;
const CALLS = 2000;
const PAUSED_CALLS = 300;
/** The pause before each call, in milliseconds. During the pause, the threads sleep, as in a server with one client. */
const PAUSE = 2;
const SESSIONS = 1000;

const folder = await mkdtemp(join(tmpdir(), "gatehouse-read-"));
const database = new sqlite3.Database(join(folder, "bench.sqlite"));
const exec = promisify(database.exec.bind(database));
await exec(`PRAGMA journal_mode = WAL;
  CREATE TABLE session (id TEXT NOT NULL PRIMARY KEY, user_id TEXT);
  CREATE TABLE user (id TEXT NOT NULL PRIMARY KEY, name TEXT);
  WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ${SESSIONS})
  INSERT INTO session SELECT 'session' || n, 'user' || n FROM n;
  INSERT INTO user SELECT user_id, user_id FROM session`);

const constant = database.prepare("SELECT ? AS id");
const joined = database.prepare(
  "SELECT session.id, name FROM session JOIN user ON user.id = user_id WHERE session.id = ?",
);
const read = (statement) => {
  const all = promisify(statement.all.bind(statement));
  return (call) => all([`session${1 + (call % SESSIONS)}`]);
};
const hop = promisify(randomBytes);
const calls = {
  "a turn of the event loop": () => new Promise((resolve) => setImmediate(resolve)),
  "a hop to the pool and back, without SQLite": () => hop(1),
  "`SELECT ?`, prepared": read(constant),
  "a session with its user, prepared": read(joined),
};

const cpuOf = async (run, count) => {
  const before = process.cpuUsage();
  for (let call = 0; call < count; call += 1) await run(call);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
};
const pause = () => setTimeout(PAUSE);
const samples = new Map(Object.keys(calls).map((name) => [name, []]));
for (let round = 0; round <= ROUNDS; round += 1) {
  for (const [name, run] of Object.entries(calls)) {
    const busy = await cpuOf(run, CALLS);
    const paused = await cpuOf((call) => pause().then(() => run(call)), PAUSED_CALLS);
    const idle = await cpuOf(pause, PAUSED_CALLS);
    // The first round warms up.
    if (round > 0) samples.get(name).push([busy, paused - idle]);
  }
}
console.log(
  `| CPU µs of one call | one after the other | after a pause of ${PAUSE} ms |\n|---|---|---|`,
);
for (const [name, measured] of samples) {
  const median = (index) =>
    measured.map((sample) => sample[index]).sort((a, b) => a - b)[ROUNDS >> 1];
  console.log(`| ${name} | ${median(0).toFixed(0)} | ${median(1).toFixed(0)} |`);
}
for (const statement of [constant, joined]) statement.finalize();
await promisify(database.close.bind(database))();
await rm(folder, { recursive: true });
