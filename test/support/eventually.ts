import { setTimeout as sleep } from "node:timers/promises";

/** Milliseconds. */
const INTERVAL = 5;

/**
 * Waits until `holds` returns true.
 * @param timeout in milliseconds
 * @throws Error if `holds` has not returned true by then
 */
export async function eventually(
  holds: () => boolean | Promise<boolean>,
  timeout = 10_000,
): Promise<void> {
  const end = performance.now() + timeout;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`Still waiting: ${String(holds)}`);
    await sleep(INTERVAL);
  }
}
