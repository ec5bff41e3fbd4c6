import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { AuthConfig } from "../config/auth-config.js";
import { ServiceUnavailable } from "../errors.js";
import { warn } from "../events.js";
import type { Sql } from "../sql.js";
import { withinTime } from "../within-time.js";
import { acquireLease, whileRenewed } from "./lease.js";
import type { OwnedPruneRule } from "./prune-rule.js";

/** Milliseconds between two batches of rows to delete. */
const BATCH_PAUSE = 5;

/** Milliseconds between two reloads of the signing keys. */
const KEY_RELOAD_INTERVAL = 30_000;
const KEY_RELOAD = "key reload";
/** Seconds between two runs of the job `prune`. */
const PRUNE_INTERVAL = 600;
/** How many times a lease is renewed during its duration: every 10 seconds for a lease of 30 seconds. */
const RENEWALS = 3;

/** How long to wait for running jobs when maintenance stops, in milliseconds. */
const STOP_TIMEOUT = 5000;

/**
 * A periodic job. Only one instance at a time runs the job. If that instance dies, another instance runs the job within
 * two intervals. If a run never ends, no instance starts the next run.
 */
export interface Job {
  /** Unique among the jobs of the core or of one feature. */
  readonly name: string;
  /** Seconds from one run to the next. */
  readonly interval: number;
  run(this: void): Promise<unknown>;
}

export interface MaintainedKeys {
  reload(): Promise<void>;
  rotateIfDue(): Promise<void>;
}

/** How often this process has run a job. */
export interface JobRuns {
  readonly succeeded: number;
  readonly failed: number;
  /** Epoch milliseconds. Null before the first success. */
  readonly succeededAt: number | null;
}

const NO_RUNS: JobRuns = { succeeded: 0, failed: 0, succeededAt: null };

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
  readonly #pruneRules: OwnedPruneRule[] = [];
  readonly #running = new Map<string, Promise<void>>();
  readonly #runs = new Map<string, JobRuns>();
  #pruned = 0;
  #timers: NodeJS.Timeout[] = [];
  #isStopped = false;

  constructor(sql: Sql, { now }: Pick<AuthConfig, "now">, keys: MaintainedKeys) {
    this.#sql = sql;
    this.#now = now;
    this.#keys = keys;
  }

  /**
   * Deletes rows by the prune rules, in small batches. Concurrent calls are safe.
   * @param onProgress called after each batch with the number of rows deleted so far
   * @returns the number of deleted rows
   */
  async prune(onProgress: (deleted: number) => void = () => undefined): Promise<number> {
    const now = this.#now();
    let deleted = 0;
    for (const rule of this.#pruneRules) {
      for (;;) {
        const length = await this.#deleteBatch(rule, now);
        if (length === 0) break;
        deleted += length;
        this.#pruned += length;
        onProgress(deleted);
        if (this.#isStopped) return deleted;
        await sleep(BATCH_PAUSE);
      }
    }
    return deleted;
  }

  /** How many rows {@link MaintenanceService.prune} has deleted in this process. */
  get pruned(): number {
    return this.#pruned;
  }

  /** The runs of each job in this process. Other instances may run the same jobs. */
  get runs(): ReadonlyMap<string, JobRuns> {
    return this.#runs;
  }

  async #deleteBatch(
    { statement, parameters, feature }: OwnedPruneRule,
    now: number,
  ): Promise<number> {
    try {
      return (await this.#sql.write(statement, parameters(now))).length;
    } catch (cause) {
      if (feature === undefined || cause instanceof ServiceUnavailable) throw cause;
      const { message } = cause as Error;
      throw new Error(`A prune rule of the feature ${feature} failed: ${message}`, { cause });
    }
  }

  addPruneRules(rules: readonly OwnedPruneRule[]): void {
    this.#pruneRules.push(...rules);
  }

  /** Call this before {@link MaintenanceService.start}. */
  add(jobs: readonly Job[]): void {
    this.#jobs.push(...jobs);
  }

  /**
   * Starts the timers, which do not keep the process alive. A job that is still running is not started again.
   * @param onError called when a job fails. The error names the job, and its `cause` is the original error.
   * @default prints a warning
   */
  start(onError: (error: unknown) => unknown = warn): void {
    const every = (name: string, interval: number, run: () => Promise<void>) => {
      this.#runs.set(name, NO_RUNS);
      return setInterval(() => {
        this.#runUnlessRunning(name, run, onError);
      }, interval).unref();
    };
    this.#timers.push(
      every(KEY_RELOAD, KEY_RELOAD_INTERVAL, async () => {
        await this.#keys.reload();
        this.#recordSuccess(KEY_RELOAD);
      }),
      ...this.#jobs.map((job) =>
        every(job.name, job.interval * 1000, () => this.#runWithLease(job)),
      ),
    );
  }

  /** Stops the timers, and waits at most 5 seconds for running jobs. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const timer of this.#timers) clearInterval(timer);
    await withinTime(this.idle(), STOP_TIMEOUT, () => undefined);
  }

  async idle(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  #runUnlessRunning(
    name: string,
    run: () => Promise<void>,
    onError: (error: unknown) => unknown,
  ): void {
    if (this.#isStopped || this.#running.has(name)) return;
    const running = run()
      .catch((cause: unknown) => {
        const runs = this.#runs.get(name) ?? NO_RUNS;
        this.#runs.set(name, { ...runs, failed: runs.failed + 1 });
        return onError(new Error(`The job ${name} failed`, { cause }));
      })
      .catch(warn)
      .then(() => {
        this.#running.delete(name);
      });
    this.#running.set(name, running);
  }

  /** Runs a job if this instance gets the lease. Renews the lease during the run. */
  async #runWithLease({ name, interval, run }: Job): Promise<void> {
    const duration = interval * 1000;
    const lease = { name, holder: this.#holder, duration };
    const acquire = () => acquireLease(this.#sql, lease, this.#now());
    if (!(await acquire())) return;
    await whileRenewed(acquire, duration / RENEWALS, run);
    this.#recordSuccess(name);
  }

  #recordSuccess(job: string): void {
    const runs = this.#runs.get(job) ?? NO_RUNS;
    const succeeded = runs.succeeded + 1;
    this.#runs.set(job, { ...runs, succeeded, succeededAt: this.#now() });
  }
}
