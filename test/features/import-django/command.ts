import { ROOT, runCommand } from "../../support/command.js";
import type { Gate } from "../../support/gate.js";
import type { Ended } from "../../support/node-process.js";

/** Runs `gatehouse` with the feature on, over the database of a gate. */
export function runOver(gate: Gate, ...parameters: string[]): Promise<Ended> {
  return runCommand(parameters, {
    cwd: ROOT,
    env: { DATABASE_URL: gate.databaseUrl, SECRET_KEY: gate.secretKey, DJANGO: "on" },
  });
}

interface Remark {
  readonly djangoId?: string;
  readonly username?: string;
  readonly about: string;
  readonly text: string;
}

/** Runs `gatehouse import-django --json`. Fails if the command fails. */
export async function importFrom(
  gate: Gate,
  url: string,
  ...options: string[]
): Promise<{ remarks: Remark[]; summary: Record<string, number | boolean> }> {
  const ended = await runOver(gate, "import-django", "--from", url, "--json", ...options);
  if (ended.code !== 0) throw new Error(ended.stderr);
  return JSON.parse(ended.stdout);
}
