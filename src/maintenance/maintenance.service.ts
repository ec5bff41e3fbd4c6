import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { AuthConfig } from "../config/auth-config.js";
import { ACCESS_TOKEN_LIFETIME_MAX } from "../config/settings.js";
import { secondsIn } from "../config/variable-text.js";
import type { SigningKeyService } from "../keys/signing-key.service.js";
import type { Sql } from "../sql.js";

/** The most rows that one statement deletes. Small, so that other writers do not wait long. */
const BATCH_SIZE = 1000;
/** Milliseconds between two batches. */
const BATCH_PAUSE = 5;

/** Milliseconds for which a row is kept after its expiry plus the leeway. */
const EXPIRED_RETENTION = 60_000;
/** Milliseconds for which an ended session is kept if its token would never expire. */
const ENDED_RETENTION = 30 * 86_400_000;

/** Milliseconds between two reloads of the signing keys, on each instance. */
const KEY_RELOAD_INTERVAL = 30_000;
/** Seconds between two prunes, among all instances. */
const PRUNE_INTERVAL = 600;

/** A periodic job. Only one instance at a time runs it. */
export interface Job {
  /** Unique among all jobs. */
  readonly name: string;
  /** Seconds. */
  readonly interval: number;
  run(this: void): Promise<unknown>;
}

/** The maintenance settings. */
export type MaintenanceConfig = Pick<AuthConfig, "now" | "leeway">;

/** Runs the periodic jobs: reloads and rotates the signing keys, and prunes rows that no valid token needs. */
export class MaintenanceService {
  readonly #sql: Sql;
  readonly #config: MaintenanceConfig;
  readonly #keys: SigningKeyService;
  readonly #holder = randomUUID();
  readonly #jobs: Job[] = [
    {
      name: "prune",
      interval: PRUNE_INTERVAL,
      run: async () => {
        await this.#keys.rotateIfDue();
        await this.prune();
      },
    },
  ];
  #timers: NodeJS.Timeout[] = [];
  #running: Promise<unknown> = Promise.resolve();
  #isStopped = false;

  constructor(sql: Sql, config: MaintenanceConfig, keys: SigningKeyService) {
    this.#sql = sql;
    this.#config = config;
    this.#keys = keys;
  }

  /**
   * Deletes expired rate-limit counters, and sessions and signing keys whose tokens have all expired. Works in small
   * batches. It is safe to run concurrently and to interrupt.
   * @param onProgress called after each batch with the number of rows deleted so far
   * @returns the number of deleted rows
   */
  async prune(onProgress: (deleted: number) => void = () => undefined): Promise<number> {
    const now = this.#config.now();
    const cutoff = now - this.#config.leeway * 1000 - EXPIRED_RETENTION;
    const statements: [statement: string, parameters: number[]][] = [
      [deleteSessions("refresh_expires_at <= ?", "refresh_expires_at"), [cutoff]],
      [deleteSessions("expires_at <= ?", "expires_at"), [cutoff]],
      [
        deleteSessions("expires_at IS NULL AND ended_at <= ?", "expires_at"),
        [now - ENDED_RETENTION],
      ],
      [DELETE_COUNTERS, [now]],
      [DELETE_KEYS, [cutoff - secondsIn(ACCESS_TOKEN_LIFETIME_MAX) * 1000]],
    ];
    let deleted = 0;
    for (const [statement, parameters] of statements) {
      for (;;) {
        const rows = await this.#sql.write(statement, parameters);
        deleted += rows.length;
        if (rows.length > 0) onProgress(deleted);
        if (rows.length < BATCH_SIZE || this.#isStopped) break;
        await sleep(BATCH_PAUSE);
      }
    }
    return deleted;
  }

  /** Adds jobs. Call it before {@link MaintenanceService.start}. */
  add(jobs: readonly Job[]): void {
    this.#jobs.push(...jobs);
  }

  /**
   * Starts the timers. They do not keep the process alive.
   * @param onError called with the error of a job that failed; the job runs again at its next interval
   */
  start(onError: (error: unknown) => void): void {
    const every = (interval: number, job: () => Promise<unknown>) =>
      setInterval(() => {
        this.#running = this.#running
          .then(() => (this.#isStopped ? undefined : job()))
          .catch(onError);
      }, interval).unref();
    this.#timers = [
      every(KEY_RELOAD_INTERVAL, () => this.#keys.reload()),
      ...this.#jobs.map((job) => every(job.interval * 1000, () => this.#runWithLease(job))),
    ];
  }

  /** Stops the timers, and waits for the job or batch that is running. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const timer of this.#timers) clearInterval(timer);
    await this.#running;
  }

  async #runWithLease(job: Job): Promise<void> {
    if (await this.#acquireLease(job.name, job.interval * 1000)) await job.run();
  }

  /** Acquires or renews a lease. @returns whether this instance holds it now */
  async #acquireLease(name: string, duration: number): Promise<boolean> {
    const now = this.#config.now();
    const acquired = await this.#sql.write(
      `INSERT INTO lease (name, holder, expires_at) VALUES (?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
       WHERE lease.expires_at <= ? OR lease.holder = excluded.holder RETURNING name`,
      [name, this.#holder, now + duration, now],
    );
    return acquired.length === 1;
  }
}

function deleteSessions(condition: string, order: string): string {
  return `DELETE FROM session WHERE id IN (
    SELECT id FROM session WHERE ${condition} ORDER BY ${order} LIMIT ${BATCH_SIZE}) RETURNING id`;
}

const DELETE_COUNTERS = `DELETE FROM throttle WHERE key IN (
  SELECT key FROM throttle WHERE expires_at <= ? ORDER BY expires_at LIMIT ${BATCH_SIZE}) RETURNING key`;

/** A key is deleted once a later one has been active for longer than the longest access token. */
const DELETE_KEYS = `DELETE FROM signing_key WHERE EXISTS (
  SELECT 1 FROM signing_key later WHERE later.revoked_at IS NULL
    AND later.activates_at > signing_key.activates_at AND later.activates_at <= ?) RETURNING kid`;
