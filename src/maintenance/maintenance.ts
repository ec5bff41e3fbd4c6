/** The periodic work. `createServer` starts it; an application that embeds Gatehouse calls `start`. */
export interface Maintenance {
  /**
   * Starts the periodic work. Every instance reloads the keys. One instance runs the other jobs for all instances: key
   * rotation, pruning, and the jobs of features.
   * @param onError called when a job fails, with an error that names the job and has the original error as its `cause`.
   * The job runs again when it is next due.
   * @default prints a warning
   * @example
   * auth.maintenance.start(console.error);
   */
  start(onError?: (error: unknown) => void): void;

  /** Stops the periodic work, and waits at most 5 seconds for running jobs. `auth.close()` does this too. */
  stop(): Promise<void>;

  /**
   * Deletes rows that nothing needs any more, such as expired sessions, in small batches. Concurrent calls are safe.
   * @param onProgress called after each batch with the number of rows deleted so far
   * @returns how many rows were deleted
   * @example
   * const deleted = await auth.maintenance.prune();
   */
  prune(onProgress?: (deleted: number) => void): Promise<number>;
}
