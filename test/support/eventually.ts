import { setTimeout as sleep } from "node:timers/promises";

/** The longest wait, in milliseconds. */
const MAX_WAIT = 10_000;

/** Waits until `holds` returns true. Fails if it never does. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + MAX_WAIT;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error("What was waited for did not come.");
    await sleep(20);
  }
}
