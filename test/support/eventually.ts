import { setTimeout as sleep } from "node:timers/promises";

/** Milliseconds. */
const TIMEOUT = 10_000;
const INTERVAL = 5;

/** Waits until `holds` returns true. Fails if it has not after ten seconds. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + TIMEOUT;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`Still waiting: ${String(holds)}`);
    await sleep(INTERVAL);
  }
}
