/** The periodic work. `createServer` starts it. If you use `createAuth`, call `start`. */
export interface Maintenance {
  /**
   * Starts the periodic work. Every instance reloads the signing keys. The other jobs run on one instance at a time:
   * key rotation, pruning, and the jobs of features.
   * @param onError called when a job fails. The error names the job, and its `cause` is the original error.
   * @default prints a warning
   * @example
   * auth.maintenance.start(console.error);
   */
  start(onError?: (error: unknown) => void): void;

  /** Stops the periodic work, and waits at most 5 seconds for running jobs. `auth.close()` does this too. */
  stop(): Promise<void>;

  /**
   * Deletes rows that are no longer needed, such as expired sessions. Concurrent calls are safe.
   * @param onProgress called after each batch with the number of rows deleted so far
   * @returns how many rows were deleted
   * @example
   * const deleted = await auth.maintenance.prune();
   */
  prune(onProgress?: (deleted: number) => void): Promise<number>;
}
