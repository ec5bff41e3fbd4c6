import { verify } from "@node-rs/argon2";
import { PASSWORD, PASSWORD_HASH } from "./gate.js";

/** How many times a measurement is repeated at most. Other load makes single measurements larger, but not all. */
const ATTEMPTS = 20;

/** Returns how long `run` takes, in milliseconds. */
export async function timeOf(run: () => unknown): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

/** How often {@link ownTimeOf} looks at the clock, in milliseconds. */
const TICK = 10;

/**
 * Returns how long `run` takes, in milliseconds. Hardly counts the times in which this process is busy, or gets no CPU.
 * So a limit on the result does not depend on the machine.
 */
export async function ownTimeOf(run: () => unknown): Promise<number> {
  let ticks = 0;
  // After a longer time, the timer still fires only once.
  const timer = setInterval(() => (ticks += 1), TICK);
  try {
    await run();
  } finally {
    clearInterval(timer);
  }
  return ticks * TICK;
}

/** Returns how much CPU this process uses during `run`, in milliseconds. */
export async function cpuOf(run: () => unknown): Promise<number> {
  const start = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

/** Measures until a result is less than `limit`, but not for ever. Returns the least result. */
export async function leastOf(
  limit: number,
  measure: () => number | Promise<number>,
): Promise<number> {
  let least = Infinity;
  for (let attempt = 0; attempt < ATTEMPTS && least >= limit; attempt += 1) {
    least = Math.min(least, await measure());
  }
  return least;
}

/**
 * Returns how much CPU the check of one password uses on this machine, in milliseconds. It is about 25 on a machine of
 * 2024. Limits on CPU are multiples of it, so that they fit slower machines, too.
 */
export async function cpuOfPassword(): Promise<number> {
  let least = Infinity;
  for (let attempt = 0; attempt < 5; attempt += 1) {
    least = Math.min(least, await cpuOf(() => verify(PASSWORD_HASH, PASSWORD)));
  }
  return least;
}
