import { z } from "zod";
import type { User } from "../accounts/user.js";
import type { AuthConfig } from "../config/auth-config.js";
import { ServiceUnavailable } from "../errors.js";
import { type ApplicationClaims, isReserved, requireRoom } from "../tokens/claims.js";
import { withinTime } from "../within-time.js";

/** How long the function of the option `claims` may take, in milliseconds. */
const TIMEOUT = 5_000;
/** The number of seconds after which a client should retry. */
const RETRY_AFTER = 5;

type ClaimsOf = NonNullable<AuthConfig["claims"]>;

const JSON_OBJECT = z.record(z.string(), z.json());

/**
 * Calls the application's function for a user, and checks the claims that the function returns.
 * @param carried the application's claims in the old refresh token; empty at a login
 * @returns the carried and the new claims. A new claim replaces a carried claim of the same name
 * @throws Error when the function fails, or its claims cannot be used. The client does not see the message
 * @throws {@link ServiceUnavailable} when the function takes too long
 */
export function readClaims(
  claimsOf: ClaimsOf,
  user: User,
  carried: ApplicationClaims,
): Promise<ApplicationClaims> {
  return withinTime(callClaims(claimsOf, user, carried), TIMEOUT, () => {
    const took = `took longer than ${TIMEOUT / 1000} seconds`;
    const cause = new Error(`The function of the option claims ${took}.`);
    throw new ServiceUnavailable(RETRY_AFTER, cause);
  });
}

async function callClaims(
  claimsOf: ClaimsOf,
  user: User,
  carried: ApplicationClaims,
): Promise<ApplicationClaims> {
  try {
    const claims = { ...carried, ...copyJson(await claimsOf(Object.freeze({ ...user }))) };
    requireRoom(claims);
    return claims;
  } catch (cause) {
    const [line = ""] = (cause instanceof Error ? cause.message : String(cause)).split("\n");
    throw new Error(`The function of the option claims failed: ${line}`, { cause });
  }
}

function copyJson(given: unknown): ApplicationClaims {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new TypeError("It must return an object of claims.");
  }
  const reserved = Object.keys(given).find((name) => isReserved(name) || name === "__proto__");
  if (reserved !== undefined) {
    throw new TypeError(`It must not set the claim ${reserved}, which only Gatehouse sets.`);
  }
  for (const [name, value] of Object.entries<unknown>({ ...given })) {
    if (!isJsonObject({ value })) throw new TypeError(`The claim ${name} is not JSON.`);
  }
  if (!isJsonObject(given)) throw new TypeError("It must return a plain object.");
  return JSON.parse(JSON.stringify(given)) as ApplicationClaims;
}

function isJsonObject(value: unknown): boolean {
  try {
    // Throws for an object that contains itself, because such an object is not JSON.
    JSON.stringify(value);
    return JSON_OBJECT.safeParse(value).success;
  } catch {
    return false;
  }
}
