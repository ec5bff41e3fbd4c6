import { readFileSync } from "node:fs";

/** Returns the memory that a process uses (its resident set), in MiB. */
export function memoryOf(pid: number): number {
  const [, kilobytes = ""] =
    /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Math.round(Number(kilobytes) / 1024);
}

/** Returns the CPU time that a process has used on all cores, in seconds. */
export function cpuOf(pid: number): number {
  const [, ...fields] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
  const [user = "", system = ""] = fields.join(") ").split(" ").slice(11, 13);
  // The kernel counts in hundredths of a second.
  return (Number(user) + Number(system)) / 100;
}

/** @param share 0.5 for the median */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return Math.round(value * 10) / 10;
}
