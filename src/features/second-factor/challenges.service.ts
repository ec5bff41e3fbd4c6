import type { Account } from "../../accounts/account.js";
import { InvalidCredentials } from "../../accounts/errors.js";
import type { ProvedLogin } from "../../authentication/second-step.js";
import type { Issued } from "../../authentication/token-issuer.js";
import type { AuthScheme, Client } from "../../events.js";
import { joinMethods, splitMethods } from "../../sessions/methods.js";
import { requireScheme } from "../../sessions/session-opener.js";
import { hashSecret, isSecret, randomSecret } from "../../tokens/secret-hash.js";
import type { CoreServices } from "../feature.js";
import { ChallengeExpired, ChallengeNotValid, SecondFactorRequired } from "./errors.js";
import { type Answer, type LoginChallenges, provesMore } from "./factor.js";
import type { SecondFactorsService } from "./second-factors.service.js";

/** How long a challenge can be answered, in milliseconds. */
const LIFETIME = 5 * 60_000;
/** How many answers to a challenge may be tried. */
const TRIES = 5;
/**
 * How long an expired challenge is kept, in milliseconds. During this time, it is refused as expired. Later, it is
 * refused as unknown.
 */
export const CHALLENGE_RETENTION = 60 * 60_000;

interface StoredChallenge {
  readonly userId: string;
  readonly credentialsVersion: number;
  readonly methods: string;
  readonly tries: number;
  readonly expiresAt: number;
}

type Core = Pick<
  CoreServices,
  "accounts" | "authentication" | "now" | "onEvent" | "sql" | "throttle"
>;

/** The logins that wait for their second step. The database has only the hashes of their tokens. */
export class ChallengesService implements LoginChallenges {
  readonly #core: Core;
  readonly #factors: SecondFactorsService;

  constructor(core: Core, factors: SecondFactorsService) {
    this.#core = core;
    this.#factors = factors;
  }

  /**
   * Refuses a login that needs a second step. A login that has already proved two factors, such as one with a passkey,
   * needs none.
   * @throws {@link SecondFactorRequired}
   * @throws {@link InvalidCredentials} when the user was deleted meanwhile
   */
  async requireSecondStep(login: ProvedLogin): Promise<void> {
    const { userId, client, methods, credentialsVersion } = login;
    if (methods.includes("mfa")) return;
    const factors = await this.#factors.enrolledOf(userId, methods);
    if (factors.length === 0) return;
    const token = randomSecret();
    const expiresAt = this.#core.now() + LIFETIME;
    const created = await this.#core.sql.write(
      `INSERT INTO login_challenge (token_hash, credentials_version, methods, tries, expires_at, user_id)
       SELECT ?, ?, ?, 0, ?, id FROM "user" WHERE id = ? RETURNING token_hash`,
      [hashSecret(token), credentialsVersion, joinMethods(methods), expiresAt, userId],
    );
    // The user was deleted meanwhile.
    if (created.length === 0) throw new InvalidCredentials();
    const details = { methods: joinMethods(methods) };
    this.#core.onEvent({ type: "second-factor:required", userId, details }, client);
    throw new SecondFactorRequired({ token, factors, expiresAt });
  }

  /**
   * Completes a login by its second step.
   * @throws {@link ChallengeNotValid} also when the password changed or the user was deactivated after the first step
   * @throws {@link ChallengeExpired}
   * @throws {@link CodeNotValid} for a wrong code, and for a locked account
   * @throws the error of the passkeys feature for a wrong passkey
   * @throws {@link BadUserInput} when an argument is malformed. This does not count as a try
   * @throws {@link TooManyRequests} when a rate limit is reached
   * @throws the errors of {@link AuthenticationService.signIn}
   */
  async complete(
    token: string,
    answer: Answer,
    scheme: AuthScheme,
    client: Client,
  ): Promise<Issued> {
    const { authentication, throttle } = this.#core;
    requireScheme(scheme);
    const read = this.#factors.read(answer);
    await throttle.request(client);
    const { account, ...challenge } = await this.#findLive(token);
    const { userId, credentialsVersion } = challenge;
    const first = splitMethods(challenge.methods);
    if (!provesMore(read.factor, first)) throw new ChallengeNotValid();
    const second = await this.#factors.check(account, read, client, () => this.#countTry(token));
    await this.#take(token);
    const methods = [...first, ...second, "mfa"] as const;
    try {
      const login = { methods, scheme, client, credentialsVersion, isSecondStep: true };
      return await authentication.signIn(userId, login);
    } catch (error) {
      // The user was deactivated, or the password was changed, after the answer was checked.
      throw error instanceof InvalidCredentials ? new ChallengeNotValid() : error;
    }
  }

  async findUser(token: string): Promise<string> {
    return (await this.#findLive(token)).userId;
  }

  async #findLive(token: string): Promise<StoredChallenge & { readonly account: Account }> {
    const challenge = await this.#find(token);
    const account = await this.#core.accounts.findAccountById(challenge.userId);
    const isSame = account?.credentialsVersion === challenge.credentialsVersion;
    if (!account?.isActive || !isSame) throw new ChallengeNotValid();
    return { ...challenge, account };
  }

  async #find(token: string): Promise<StoredChallenge> {
    if (!isSecret(token)) throw new ChallengeNotValid();
    const [found] = await this.#core.sql.read<StoredChallenge>(
      `SELECT user_id AS "userId", credentials_version AS "credentialsVersion", methods, tries,
         expires_at AS "expiresAt" FROM login_challenge WHERE token_hash = ?`,
      [hashSecret(token)],
    );
    if (found === undefined || found.tries >= TRIES) throw new ChallengeNotValid();
    if (found.expiresAt <= this.#core.now()) throw new ChallengeExpired();
    return found;
  }

  async #countTry(token: string): Promise<void> {
    const counted = await this.#core.sql.write(
      `UPDATE login_challenge SET tries = tries + 1 WHERE token_hash = ? AND tries < ${TRIES} AND expires_at > ?
       RETURNING token_hash`,
      [hashSecret(token), this.#core.now()],
    );
    if (counted.length === 0) throw new ChallengeNotValid();
  }

  /** Deletes the challenge. If two right answers arrive at once, only one of them succeeds. */
  async #take(token: string): Promise<void> {
    const taken = await this.#core.sql.write(
      `DELETE FROM login_challenge WHERE token_hash = ? RETURNING token_hash`,
      [hashSecret(token)],
    );
    if (taken.length === 0) throw new ChallengeNotValid();
  }
}
