import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { AuthConfig } from "../config/auth-config.js";
import type { Sql } from "../sql.js";
import type { PruneRule } from "./prune-rule.js";

/** Milliseconds between two batches of rows to delete. */
const BATCH_PAUSE = 5;

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

/** The signing keys, as far as they need maintenance. */
export interface MaintainedKeys {
  reload(): Promise<void>;
  rotateIfDue(): Promise<void>;
}

/** Runs the periodic jobs: reloads and rotates the signing keys, and prunes rows that nothing needs any more. */
export class MaintenanceService {
  readonly #sql: Sql;
  readonly #now: () => number;
  readonly #keys: MaintainedKeys;
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
  readonly #pruneRules: PruneRule[] = [];
  #timers: NodeJS.Timeout[] = [];
  #running: Promise<unknown> = Promise.resolve();
  #isStopped = false;

  constructor(sql: Sql, { now }: Pick<AuthConfig, "now">, keys: MaintainedKeys) {
    this.#sql = sql;
    this.#now = now;
    this.#keys = keys;
  }

  /**
   * Deletes the rows of all {@link PruneRule}s in small batches. It is safe to run concurrently and to interrupt.
   * @param onProgress called after each batch with the number of rows deleted so far
   * @returns the number of deleted rows
   */
  async prune(onProgress: (deleted: number) => void = () => undefined): Promise<number> {
    const now = this.#now();
    let deleted = 0;
    for (const { statement, parameters } of this.#pruneRules) {
      for (;;) {
        const { length } = await this.#sql.write(statement, parameters(now));
        if (length === 0) break;
        deleted += length;
        onProgress(deleted);
        if (this.#isStopped) break;
        await sleep(BATCH_PAUSE);
      }
    }
    return deleted;
  }

  /** Adds rules to {@link MaintenanceService.prune}. They run in the order in which they are added. */
  addPruneRules(rules: readonly PruneRule[]): void {
    this.#pruneRules.push(...rules);
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
    await this.idle();
  }

  /** Waits for the jobs that are running or due. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #runWithLease(job: Job): Promise<void> {
    if (await this.#acquireLease(job.name, job.interval * 1000)) await job.run();
  }

  /** Acquires or renews a lease. @returns whether this instance holds it now */
  async #acquireLease(name: string, duration: number): Promise<boolean> {
    const now = this.#now();
    const acquired = await this.#sql.write(
      `INSERT INTO lease (name, holder, expires_at) VALUES (?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
       WHERE lease.expires_at <= ? OR lease.holder = excluded.holder RETURNING name`,
      [name, this.#holder, now + duration, now],
    );
    return acquired.length === 1;
  }
}
