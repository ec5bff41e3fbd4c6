import { Roles } from "../../../src/accounts/role.js";
import { importDjango } from "../../../src/features/import-django/index.js";
import { SIMPLE_JWT } from "../../../src/features/import-django/simplejwt-settings.js";
import { ROOT, runCommand } from "../../support/command.js";
import type { Gate } from "../../support/gate.js";
import type { Ended } from "../../support/node-process.js";

/** Runs `gatehouse` over the database of a gate, with the Django feature on. */
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

/** Runs `import-django --json` in this process, because a process takes a second to start. */
export async function importFrom(
  gate: Gate,
  url: string,
  options: Record<string, string | true> = {},
): Promise<{ remarks: Remark[]; summary: Record<string, number | boolean> }> {
  return JSON.parse(await runHere(gate, "import-django", { from: url, json: true, ...options }));
}

/** Runs a command of the feature in this process, and returns what it prints. */
export async function runHere(
  gate: Gate,
  name: string,
  options: Record<string, string | true>,
): Promise<string> {
  const command = importDjango.commands?.find((known) => known.name === name);
  const lines: string[] = [];
  const print = (line: string) => void lines.push(line);
  const djangoSimpleJwt = SIMPLE_JWT.parse({});
  const config = { roles: new Roles(), sessionLifetime: 30 * 86_400, djangoSimpleJwt };
  await command?.run(gate.core, config as never, [], print, options, gate.auth);
  return lines.join("\n");
}
