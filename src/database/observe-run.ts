import { ServiceUnavailable } from "../errors.js";
import type { StatementKind, StatementObserver } from "../sql.js";

/** Runs a statement or a transaction, and then calls the observer. */
export async function observeRun<Result>(
  observer: StatementObserver,
  kind: StatementKind,
  statement: string | null,
  run: () => Promise<Result>,
): Promise<Result> {
  const start = performance.now();
  let isUnavailable = false;
  try {
    return await run();
  } catch (error) {
    isUnavailable = error instanceof ServiceUnavailable;
    throw error;
  } finally {
    observer(kind, (performance.now() - start) / 1000, isUnavailable, statement);
  }
}
