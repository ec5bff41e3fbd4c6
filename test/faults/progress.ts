const start = performance.now();

/** Prints a line at once, with the seconds since the start. Jest's own console waits until the test ends. */
export function say(line: string): void {
  const seconds = Math.round((performance.now() - start) / 1000);
  process.stderr.write(`${String(seconds).padStart(5)} s  ${line}\n`);
}
