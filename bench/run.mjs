// Measures the CPU time of one request at Gatehouse and at other servers, in interleaved rounds, and writes results.md.
import { execFileSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { writeCharts } from "./chart.mjs";
import { groupsOf } from "./groups.mjs";
import { load, withDescendants } from "./load.mjs";
import { startPostgres } from "./postgres.mjs";
import { measurePrune } from "./prune.mjs";
import { describeGroup, replaceSection } from "./report.mjs";
import { measureStorm } from "./storm.mjs";

const SERVER_CORE = 0;
const LOAD_CORE = 1;

const { values: settings, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "2" },
    users: { type: "string", default: "1000000" },
    // The databases stay in this folder for the next run.
    folder: { type: "string", default: join(tmpdir(), "gatehouse-bench") },
    port: { type: "string", default: "5499" },
  },
});
const [rounds, seconds, users] = [settings.rounds, settings.seconds, settings.users].map(Number);
const groups = groupsOf(users);
const further = {
  storm: measureStorm,
  prune: () => measurePrune(users),
};
const all = [...Object.keys(groups), ...Object.keys(further)];
const names = positionals.length > 0 ? positionals : all;
const unknown = names.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`Unknown: ${unknown.join(", ")}. There are: ${all.join(", ")}.`);
  process.exit(2);
}

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
await mkdir(settings.folder, { recursive: true });
const stage = {
  folder: settings.folder,
  postgres: await startPostgres(join(settings.folder, "postgresql"), Number(settings.port)),
  credentials: {},
};
try {
  for (const name of names) {
    process.stderr.write(`${name}\n`);
    const isPinned = pin(process.pid, name === "storm" ? `${SERVER_CORE},${LOAD_CORE}` : LOAD_CORE);
    if (name in groups) {
      const rows = await measureGroup(groups[name]);
      await replaceSection(describeGroup(name, groups[name], rows, { rounds, seconds, isPinned }));
    } else {
      await replaceSection(await further[name]());
    }
  }
} finally {
  await stage.postgres?.stop();
}
await writeCharts();

/** Starts the servers of a group, and measures its rows in turn. Leaves out servers that are not installed. */
async function measureGroup({ rows }) {
  const subjects = new Map();
  try {
    for (const { subject } of rows) {
      if (subjects.has(subject)) continue;
      const isMissing = subject.database === "PostgreSQL" && stage.postgres === null;
      const started = isMissing ? null : await subject.start(stage);
      subjects.set(subject, started);
      for (const pid of (await started?.pids()) ?? []) pin(pid, SERVER_CORE);
    }
    if (stage.postgres !== null) pin(stage.postgres.pid, SERVER_CORE);
    const measured = rows
      .filter(({ subject }) => subjects.get(subject) !== null)
      .map((row) => ({ ...row, samples: [] }));
    // The first round warms up, for twice as long. A server with several rows would otherwise be warmer than the others.
    for (let round = 0; round <= rounds; round += 1) {
      process.stderr.write(`round ${round} of ${rounds}\n`);
      for (const row of measured) {
        const duration = round === 0 ? 2 * seconds : seconds;
        const sample = await measure(row, subjects.get(row.subject), duration);
        if (round > 0) row.samples.push(sample);
      }
    }
    return measured;
  } finally {
    for (const subject of subjects.values()) await subject?.stop();
  }
}

async function measure(
  { subject: { database }, operation, connections },
  { requests, urls, pids },
  seconds,
) {
  const { prepare, measure, amountPerSecond, ...options } = requests[operation];
  await prepare?.();
  if (measure !== undefined) return measure(seconds);
  const isPostgres = database === "PostgreSQL";
  if (isPostgres)
    for (const pid of await withDescendants(stage.postgres.pid)) pin(pid, SERVER_CORE);
  const flushes = isPostgres ? await countFlushes() : 0;
  const result = await load({
    ...{ urls, pids, connections },
    ...(isPostgres && { databasePids: () => withDescendants(stage.postgres.pid) }),
    ...(amountPerSecond === undefined
      ? { seconds }
      : { amount: Math.max(connections, Math.round((amountPerSecond * seconds) / 2) * 2) }),
    ...options,
  });
  return isPostgres ? { ...result, flushes: (await countFlushes()) - flushes } : result;
}

/** Counts how often PostgreSQL has flushed its log to the disk. */
async function countFlushes() {
  const [{ wal_sync: count }] = await stage.postgres.query("SELECT wal_sync FROM pg_stat_wal");
  return Number(count);
}

/** Pins all threads of a process. Works only on Linux: do not trust figures from other systems. */
function pin(pid, cores) {
  try {
    execFileSync("taskset", ["--all-tasks", "--cpu-list", "--pid", String(cores), String(pid)], {
      stdio: "ignore",
    });
    return true;
  } catch {
    return false;
  }
}
