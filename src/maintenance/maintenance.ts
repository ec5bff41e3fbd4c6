/** The work that is done from time to time. A server starts it itself; an embedding application calls `start`. */
export interface Maintenance {
  /**
   * Starts the periodic work: reloads the keys, and prunes, rotates keys that are due and runs the jobs of features on one
   * instance at a time. Jobs do not wait for each other.
   * @param onError called with an error that names the work which failed, and has its `cause`. The work is tried again at
   * its next time.
   * @default a warning of the process
   * @example
   * auth.maintenance.start(console.error);
   */
  start(onError?: (error: unknown) => void): void;

  /** Stops the periodic work, and waits at most 5 seconds for what is running. `auth.close()` does so too. */
  stop(): Promise<void>;

  /**
   * Deletes sessions, counters and keys that no valid token needs any more, in small batches. Safe to run twice at once.
   * @param onProgress called after each batch with the number of rows deleted so far
   * @returns how many rows were deleted
   * @example
   * const deleted = await auth.maintenance.prune();
   */
  prune(onProgress?: (deleted: number) => void): Promise<number>;
}
