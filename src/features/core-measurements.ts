import type { PasswordHasher } from "../accounts/password-hasher.js";
import type { Database } from "../database/database.js";
import type { MaintenanceService } from "../maintenance/maintenance.service.js";
import type { Measurement, Sample } from "../maintenance/measurement.js";

interface Measured {
  readonly hasher: PasswordHasher;
  readonly database: Database;
  readonly maintenance: MaintenanceService;
  readonly now: () => number;
  isReady(this: void): Promise<boolean>;
}

/** Returns the core's measurements, such as password hashing, database connections and periodic jobs. */
export function coreMeasurements(measured: Measured): readonly Measurement[] {
  const { hasher, database, maintenance, now, isReady } = measured;
  return [
    {
      name: "gatehouse_ready",
      help: "1 if this instance can answer requests, as GET /health/ready says.",
      kind: "gauge",
      read: async () => Number(await isReady()),
    },
    {
      name: "gatehouse_password_hashes",
      help: "The passwords that are being hashed, and those that wait to be hashed.",
      kind: "gauge",
      labels: ["state"],
      read: () => byState({ running: hasher.load.running, waiting: hasher.load.waiting }),
    },
    {
      name: "gatehouse_password_hashes_total",
      help: "The passwords that were hashed, and those that were refused because too many waited.",
      kind: "counter",
      labels: ["state"],
      read: () => byState({ finished: hasher.load.finished, refused: hasher.load.refused }),
    },
    {
      name: "gatehouse_password_hash_wait_seconds_total",
      help: "The total time that passwords have waited to be hashed.",
      kind: "counter",
      read: () => hasher.load.waited,
    },
    {
      name: "gatehouse_database_connections",
      help: "The open connections to the database. For SQLite, only the connection that writes.",
      kind: "gauge",
      labels: ["state"],
      read: () => {
        const { used, idle } = database.connections;
        return byState({ used, idle });
      },
    },
    {
      name: "gatehouse_database_connections_max",
      help: "How many connections to the database may be open.",
      kind: "gauge",
      read: () => database.connections.max,
    },
    {
      name: "gatehouse_database_waiting",
      help: "The statements that wait for a connection.",
      kind: "gauge",
      read: () => database.connections.waiting,
    },
    {
      name: "gatehouse_clock_ahead_seconds",
      help: "How much this machine's clock is ahead of the clock that Gatehouse uses: the database's, on PostgreSQL.",
      kind: "gauge",
      read: () => (Date.now() - now()) / 1000,
    },
    {
      name: "gatehouse_pruned_rows_total",
      help: "The expired rows that this process has deleted.",
      kind: "counter",
      read: () => maintenance.pruned,
    },
    {
      name: "gatehouse_job_runs_total",
      help: "How often this process has run a periodic job. Only one instance at a time runs a job.",
      kind: "counter",
      labels: ["job", "outcome"],
      read: () =>
        [...maintenance.runs].flatMap(([job, { succeeded, failed }]) => [
          { labels: { job, outcome: "ok" }, value: succeeded },
          { labels: { job, outcome: "failed" }, value: failed },
        ]),
    },
    {
      name: "gatehouse_job_last_success_timestamp_seconds",
      help: "When this process last finished a periodic job.",
      kind: "gauge",
      labels: ["job"],
      read: () =>
        [...maintenance.runs].flatMap(([job, { succeededAt }]) =>
          succeededAt === null ? [] : [{ labels: { job }, value: succeededAt / 1000 }],
        ),
    },
  ];
}

function byState(values: Readonly<Record<string, number>>): readonly Sample[] {
  return Object.entries(values).map(([state, value]) => ({ labels: { state }, value }));
}
