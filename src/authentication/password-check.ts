import type { Account } from "../accounts/account.js";
import type { Login } from "../accounts/accounts.js";
import { InvalidCredentials } from "../accounts/errors.js";
import { parseLogin } from "../accounts/identifiers.js";
import { requireHashable } from "../accounts/password-hasher.js";
import { TooManyRequests } from "../errors.js";
import type { Client } from "../events.js";
import { counterOfUser } from "../throttling/throttle.js";
import type { AuthenticationParts } from "./authentication-parts.js";

interface GivenPassword {
  /** The name of the counter of failed logins. */
  readonly counter: string;
  readonly password: string;
  readonly client: Client;
}

/**
 * Checks a password, with the rate limits and the lock that all password checks share.
 * @param account null for an unknown user
 * @throws {@link InvalidCredentials}, {@link TooManyRequests}, {@link ServiceUnavailable}
 */
export async function checkPassword(
  { attempts, hasher, throttle }: Pick<AuthenticationParts, "attempts" | "hasher" | "throttle">,
  account: Account | null,
  { counter, password, client }: GivenPassword,
): Promise<Account> {
  // Never check the password of an inactive or locked account. If hashes were imported, a right password needs one check,
  // and a wrong one two. So the response time would reveal a right password.
  const checked = account !== null && attempts.isAllowed(account) ? account : null;
  const isAccepted = await throttle.login(counter, client, async () => {
    const isRight = await hasher.verify(checked?.passwordHash ?? null, password);
    if (checked !== null && !isRight) attempts.recordFailure(checked, client);
    return isRight;
  });
  if (checked === null || !isAccepted) throw new InvalidCredentials();
  return checked;
}

/**
 * Checks the password of a signed-in user, with the rate limits and the lock of a login.
 * @returns the account as it was before the check. If the database later has another `credentialsVersion`, the check no
 * longer counts, for example because the password has changed
 * @throws {@link InvalidCredentials} for a wrong password, and for a locked or inactive account
 * @throws {@link TooManyRequests} when a rate limit is reached
 * @throws {@link BadUserInput} when the password is malformed
 */
export async function requirePassword(
  parts: AuthenticationParts,
  userId: string,
  password: string,
  client: Client,
): Promise<Account> {
  const { accounts, attempts, settings } = parts;
  requireHashable(password);
  const found = await accounts.findAccountById(userId);
  const check = async () => {
    const counter = counterOfUser(userId);
    const account = await checkPassword(parts, found, { counter, password, client });
    const checked = await attempts.recordSuccess(account, password, null, () =>
      Promise.resolve(account),
    );
    if (checked === null) throw new InvalidCredentials();
    return checked;
  };
  return reportRefusal(check, (reason) => {
    settings.onEvent({ type: "password_refused", userId, reason }, client);
  });
}

/** Calls `report` if `check` refuses a password, or if a rate limit is reached. */
export async function reportRefusal<Result>(
  check: () => Promise<Result>,
  report: (reason: string) => void,
): Promise<Result> {
  try {
    return await check();
  } catch (error) {
    if (error instanceof InvalidCredentials || error instanceof TooManyRequests) {
      report(error.reason ?? "invalid_credentials");
    }
    throw error;
  }
}

/**
 * Returns the name of the counter of failed logins, such as `user 1a2b` or `email ada@example.com`. Unknown users have
 * counters, too. Otherwise a missing rate limit would reveal that the user is unknown.
 */
export function counterOf(account: Account | null, login: Login): string {
  if (account !== null) return counterOfUser(account.id);
  const { field, canonical } = parseLogin(login);
  return `${field} ${canonical}`;
}
