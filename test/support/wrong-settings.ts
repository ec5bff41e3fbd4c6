import { randomBytes } from "node:crypto";
import { allSettings, readEnvironment, variablesOf } from "../../src/config/environment.js";
import { linesOf, WrongSettings } from "../../src/config/problems.js";
import { resolveServerConfig } from "../../src/config/server-config.js";
import type { Feature } from "../../src/features/feature.js";
import { BUILT_IN } from "../../src/features/index.js";
import { createAuth, createServer } from "../../src/index.js";

/** A random secret. */
export const SECRET_KEY = randomBytes(32).toString("base64url");

/** This database cannot be opened. So the test leaves no file behind if settings are accepted by mistake. */
const NOWHERE = "sqlite:/dev/null/gate.sqlite";

/** Returns the lines by which `createServer` refuses these options. */
export function refusedByServer(
  options: object,
  features: readonly Feature[] = [],
): Promise<string[]> {
  return refusalOf(() =>
    createServer({ secretKey: SECRET_KEY, databaseUrl: NOWHERE, port: 0, features, ...options }),
  );
}

/** Returns the lines by which `createAuth` refuses these options. */
export function refusedByAuth(options: object): Promise<string[]> {
  return refusalOf(() => createAuth({ secretKey: SECRET_KEY, databaseUrl: NOWHERE, ...options }));
}

async function refusalOf(start: () => Promise<unknown>): Promise<string[]> {
  const error: unknown = await start().then(
    () => new Error("It started."),
    (reason: unknown) => reason,
  );
  if (!(error instanceof TypeError)) throw error;
  return error.message.split("\n");
}

/** Returns the lines by which the command refuses these variables, or no line if it accepts them. */
export function refusedByCommand(
  env: Readonly<Record<string, string>>,
  features: readonly Feature[] = BUILT_IN,
): string[] {
  const settings = allSettings(features);
  const { options, problems } = readEnvironment(env, settings);
  try {
    resolveServerConfig(options, features, { problems, createSecretKey: () => SECRET_KEY });
    return [];
  } catch (error) {
    if (!(error instanceof WrongSettings)) throw error;
    return linesOf(error.problems, variablesOf(settings));
  }
}
