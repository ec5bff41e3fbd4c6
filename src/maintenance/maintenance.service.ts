import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { AuthConfig } from "../config/auth-config.js";
import type { SigningKeyService } from "../keys/signing-key.service.js";
import type { Sql } from "../sql.js";

/** How many rows a statement deletes, so that no writer waits long for it. */
const BATCH_SIZE = 1000;
/** Between two of them, in milliseconds. */
const PAUSE = 5;

/** How long a row is kept beyond its end and the leeway, in milliseconds. */
const MARGIN = 60_000;
/** How long an ended session of a token that never expires is kept, in milliseconds. */
const KEEP_ENDED = 30 * 86_400_000;
/** The longest that an access token lives, in milliseconds: so long a superseded key still verifies. */
const ACCESS_TOKEN_MAX_LIFETIME = 3_600_000;

/** How often an instance reads the key ring anew, in milliseconds. */
const RELOAD_EVERY = 30_000;
/** How often one of the instances prunes, and rotates the keys when that is due, in milliseconds. */
const PRUNE_EVERY = 600_000;

/** Work that one of the instances does from time to time. */
export interface Job {
  /** Unique among all jobs. */
  readonly name: string;
  /** In seconds. */
  readonly interval: number;
  run(): Promise<unknown>;
}

/** What has to be done from time to time, and deletes only what could not be accepted any more. */
export class MaintenanceService {
  readonly #sql: Sql;
  readonly #config: AuthConfig;
  readonly #keys: SigningKeyService;
  readonly #holder = randomUUID();
  readonly #jobs: Job[] = [
    {
      name: "prune",
      interval: PRUNE_EVERY / 1000,
      run: async () => {
        await this.#keys.rotateIfDue();
        await this.prune();
      },
    },
  ];
  #timers: NodeJS.Timeout[] = [];
  #running: Promise<unknown> = Promise.resolve();
  #isStopped = false;

  constructor(sql: Sql, config: AuthConfig, keys: SigningKeyService) {
    this.#sql = sql;
    this.#config = config;
    this.#keys = keys;
  }

  /**
   * Deletes sessions whose every token has expired, counters that count nothing any more, and keys that nothing valid was
   * signed with, in small batches.
   * Safe to run twice at once, and to stop half-way.
   * @param onProgress called after each batch with the number of rows deleted so far
   * @returns how many rows were deleted
   */
  async prune(onProgress: (deleted: number) => void = () => undefined): Promise<number> {
    const now = this.#config.now();
    const cutoff = now - this.#config.leeway * 1000 - MARGIN;
    const statements: [statement: string, parameters: number[]][] = [
      [deleteSessions("refresh_expires_at <= ?", "refresh_expires_at"), [cutoff]],
      [deleteSessions("expires_at <= ?", "expires_at"), [cutoff]],
      [deleteSessions("expires_at IS NULL AND ended_at <= ?", "expires_at"), [now - KEEP_ENDED]],
      [DELETE_COUNTERS, [now]],
      [DELETE_KEYS, [cutoff - ACCESS_TOKEN_MAX_LIFETIME]],
    ];
    let deleted = 0;
    for (const [statement, parameters] of statements) {
      for (;;) {
        const rows = await this.#sql.write(statement, parameters);
        deleted += rows.length;
        if (rows.length > 0) onProgress(deleted);
        if (rows.length < BATCH_SIZE || this.#isStopped) break;
        await sleep(PAUSE);
      }
    }
    return deleted;
  }

  /** Adds jobs to those that {@link MaintenanceService.start} begins. */
  add(jobs: readonly Job[]): void {
    this.#jobs.push(...jobs);
  }

  /** Begins to reload the keys, and to prune and rotate whenever no other instance does. */
  start(onError: (error: unknown) => void): void {
    const every = (interval: number, job: () => Promise<unknown>) =>
      setInterval(() => {
        this.#running = this.#running
          .then(() => (this.#isStopped ? undefined : job()))
          .catch(onError);
      }, interval).unref();
    this.#timers = [
      every(RELOAD_EVERY, () => this.#keys.reload()),
      ...this.#jobs.map((job) => every(job.interval * 1000, () => this.#runAlone(job))),
    ];
  }

  /** Ends the timers, and waits for the batch that is running. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const timer of this.#timers) clearInterval(timer);
    await this.#running;
  }

  async #runAlone({ name, interval, run }: Job): Promise<void> {
    if (await this.#takeLease(name, interval * 1000)) await run();
  }

  /** Takes the lease, or prolongs it. @returns whether this instance has it now */
  async #takeLease(name: string, duration: number): Promise<boolean> {
    const now = this.#config.now();
    const taken = await this.#sql.write(
      `INSERT INTO lease (name, holder, expires_at) VALUES (?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
       WHERE lease.expires_at <= ? OR lease.holder = excluded.holder RETURNING name`,
      [name, this.#holder, now + duration, now],
    );
    return taken.length === 1;
  }
}

function deleteSessions(condition: string, order: string): string {
  return `DELETE FROM session WHERE id IN (
    SELECT id FROM session WHERE ${condition} ORDER BY ${order} LIMIT ${BATCH_SIZE}) RETURNING id`;
}

const DELETE_COUNTERS = `DELETE FROM throttle WHERE key IN (
  SELECT key FROM throttle WHERE expires_at <= ? ORDER BY expires_at LIMIT ${BATCH_SIZE}) RETURNING key`;

/** A key is superseded when a later one has been active for as long as anything it signed could live. */
const DELETE_KEYS = `DELETE FROM signing_key WHERE EXISTS (
  SELECT 1 FROM signing_key later WHERE later.revoked_at IS NULL
    AND later.activates_at > signing_key.activates_at AND later.activates_at <= ?) RETURNING kid`;
