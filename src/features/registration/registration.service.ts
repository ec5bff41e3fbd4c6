import { canonicalEmail, requireNewEmail } from "../../accounts/identifiers.js";
import type { PasswordPolicy } from "../../accounts/password-policy.js";
import type { Issued } from "../../authentication/token-issuer.js";
import { AuthError, BadUserInput } from "../../errors.js";
import type { AuthScheme, Client } from "../../events.js";
import type { RunStatement } from "../../sql.js";
import type { CoreServices, FeatureConfig } from "../feature.js";
import {
  type Mail,
  type MailRequest,
  type MailRequests,
  storeLocale,
  throwNotValid,
} from "../mail/index.js";
import { IS_WAITING, requireOwnWait, type Waiting } from "./waiting-accounts.js";

interface NewPerson {
  readonly username: string;
  readonly email: string;
  readonly password: string;
  /** The language of the mails, or null if it is not known. */
  readonly locale: string | null;
}

interface ResendRequest {
  readonly email: string;
}

interface Owner {
  readonly id: string;
  readonly username: string;
  readonly email: string;
  /** SQLite returns booleans as numbers. */
  readonly isActive: boolean | number;
}

type Parts = Pick<
  CoreServices,
  "accounts" | "authentication" | "hooks" | "now" | "onEvent" | "sql" | "throttle"
>;
type Config = Pick<FeatureConfig, "passwordMinLength"> & {
  readonly emailVerification: "required" | "optional";
};

/**
 * Lets people sign up. A new account gets its e-mail address only when the user opens the link of the mail. So the
 * answer to a sign-up does not reveal whether the address has an account, and a stranger cannot block an address.
 */
export class RegistrationService {
  readonly #core: Parts;
  readonly #mail: Mail;
  readonly #config: Config;
  readonly #registrations: MailRequests<Waiting>;
  readonly #resends: MailRequests<ResendRequest>;

  constructor(core: Parts, mail: Mail, config: Config) {
    this.#core = core;
    this.#mail = mail;
    this.#config = config;
    this.#registrations = mail.requestsOf("register", (request) => this.#sendFirst(request));
    this.#resends = mail.requestsOf("resendVerification", (request) => this.#sendAgain(request));
  }

  get passwordPolicy(): PasswordPolicy {
    return this.#core.accounts.passwordPolicy;
  }

  /**
   * Creates an account, and sends a mail. The mail contains a link that proves the address, or says that the address
   * already has an account.
   * @returns the tokens of a session; null if the address must be proved first, or the login fails
   * @throws {@link UsernameTaken}, {@link PasswordTooWeak}
   * @throws {@link BadUserInput} when a value is malformed
   * @throws {@link Vetoed} when a hook refuses the registration
   * @throws {@link TooManyRequests} when a rate limit is reached
   */
  async register(
    { username, email, password, locale }: NewPerson,
    scheme: AuthScheme,
    client: Client,
  ): Promise<Issued | null> {
    const { accounts, hooks, onEvent, throttle } = this.#core;
    await throttle.attempt(client);
    await accounts.requireFreeName(username);
    requireNewEmail(email);
    const { requireNewPassword } = await import("../../accounts/new-password.js");
    requireNewPassword(password, { username, email }, this.#config.passwordMinLength);
    await hooks.before("beforeRegister", { username, email }, client);
    const id = await accounts.createUser({ username, password }, client, async (run, userId) => {
      await this.#store(run, { userId, email }, locale);
      await this.#registrations.store({ userId, email }, client, run);
    });
    onEvent({ type: "registration:registered", userId: id }, client);
    this.#mail.wake();
    await hooks.after("afterRegister", { id, username, email: null }, client);
    if (this.#config.emailVerification === "required") return null;
    return this.#login(username, password, scheme, client);
  }

  /**
   * Gives the token's user the address that the token proves. Removes the user's password and sessions if other users
   * have registered with the address, too.
   * @returns whether the user needs a new password
   * @throws {@link MailTokenNotValid} also if another user has the address by now
   * @throws {@link MailTokenExpired}
   * @throws {@link TooManyRequests} when a rate limit is reached
   */
  async verifyEmail(token: string, client: Client): Promise<boolean> {
    const { accounts, onEvent, throttle } = this.#core;
    await throttle.request(client);
    const { tokens } = this.#mail;
    const given = { purpose: "verifyEmail", token } as const;
    const { userId, address } = await tokens.find(given);
    let isContested = false;
    const steps = {
      begin: async (run: RunStatement) => {
        await requireOwnWait(run, { userId, email: address });
        ({ isContested } = await tokens.consume(run, given));
      },
      losesPassword: () => isContested,
    };
    await accounts.updateUser(userId, { email: address }, client, steps).catch(throwNotValid);
    onEvent({ type: "registration:verified", userId }, client);
    return isContested;
  }

  /**
   * Sends a new link to an address that is not proved yet. The link is for the account that has the address. If no
   * account has it, the link is for the first user who registered with it. If there is no such user, sends no mail. The
   * caller does not learn this.
   * @throws {@link BadUserInput} when the address is malformed
   * @throws {@link TooManyRequests} when a rate limit is reached
   * @throws {@link ServiceUnavailable} when too many requests wait
   */
  async resendVerification(email: string, client: Client): Promise<void> {
    await this.#core.throttle.attempt(client);
    requireNewEmail(email);
    await this.#resends.store({ email }, client);
  }

  /**
   * Stores a row of `registration`, even if the address has an account. Otherwise the response time would reveal the
   * account.
   */
  async #store(
    run: RunStatement,
    { userId, email }: Waiting,
    locale: string | null,
  ): Promise<void> {
    const key = canonicalEmail(email);
    const owner = await findOwner(run, key);
    const own = owner === undefined ? [email, key] : [null, null];
    await run(
      `INSERT INTO registration (user_id, email, email_key, created_at) VALUES (?, ?, ?, ?) RETURNING user_id`,
      [userId, ...own, this.#core.now()],
    );
    if (locale !== null) await storeLocale(run, userId, locale);
  }

  /**
   * Sends the mail of a registration. If the address has an account, its owner gets a notice, or no mail if the owner
   * is inactive. Otherwise the new user gets a link.
   */
  async #sendFirst({ given, allows, inTransaction }: MailRequest<Waiting>): Promise<void> {
    const { userId, email } = given;
    if (!(await allows({ purpose: "verifyEmail", address: email }))) return;
    await inTransaction(async (run) => {
      const key = canonicalEmail(email);
      const owner = await findOwner(run, key);
      if (owner !== undefined && owner.id !== userId) {
        if (owner.isActive) await this.#queueNews(run, owner);
        return;
      }
      const waiting = await run(
        `SELECT user_id FROM registration WHERE user_id = ? AND email_key = ? AND ${IS_WAITING}`,
        [userId, key],
      );
      if (waiting.length > 0) await this.#queueLink(run, given);
    });
  }

  /** Sends a new link to the user whom {@link findWaiting} returns. */
  async #sendAgain({ given, allows, inTransaction }: MailRequest<ResendRequest>): Promise<void> {
    const { sql } = this.#core;
    const key = canonicalEmail(given.email);
    const waiting = await findWaiting((statement, values) => sql.read(statement, values), key);
    if (waiting === undefined) return;
    const { userId, email: address } = waiting;
    if (!(await allows({ purpose: "verifyEmail", address, userId }))) return;
    await inTransaction((run) => this.#queueLink(run, waiting));
  }

  /** Queues a mail with a link that proves an address. Other users' links to the same address stay valid. */
  async #queueLink(run: RunStatement, { userId, email }: Waiting): Promise<void> {
    const token = { purpose: "verifyEmail", userId } as const;
    // No user name, because a stranger may have chosen a name that looks like a link. No user id, because an event
    // about a failed mail would then show the new user that the address has no account.
    await this.#mail.queueLink(run, token, { template: "verify-email", to: email });
  }

  /** Queues a mail that tells a user that somebody has signed up with the user's address. */
  async #queueNews(run: RunStatement, { id: userId, username, email: to }: Owner): Promise<void> {
    const token = { purpose: "resetPassword", userId } as const;
    try {
      // Send the mail to the stored address. The person who signed up may have written `Ada@example.com` instead of
      // `ada@example.com`, which is another mailbox on some servers.
      const mail = { template: "address-known", to, userId, values: { username } };
      await this.#mail.queueLink(run, token, mail);
    } catch (error) {
      // An older version may have stored an address that is not valid.
      if (!(error instanceof BadUserInput)) throw error;
    }
  }

  async #login(
    username: string,
    password: string,
    scheme: AuthScheme,
    client: Client,
  ): Promise<Issued | null> {
    try {
      return await this.#core.authentication.login({ username }, password, scheme, client);
    } catch (error) {
      if (error instanceof AuthError) return null;
      throw error;
    }
  }
}

async function findOwner(run: RunStatement, key: string): Promise<Owner | undefined> {
  const [owner] = await run<Owner>(
    `SELECT id, username, email, is_active AS "isActive" FROM "user" WHERE email_key = ?`,
    [key],
  );
  return owner;
}

/**
 * Returns the user who may get a new link to an address. This is the account that has the address, unless it is
 * inactive or has proved the address. If no account has the address, it is the first active user who registered with
 * it.
 */
async function findWaiting(run: RunStatement, key: string): Promise<Waiting | undefined> {
  const [owner] = await run<
    Waiting & Pick<Owner, "isActive"> & { readonly verifiedAt: number | null }
  >(
    `SELECT u.id AS "userId", u.email, u.is_active AS "isActive", v.verified_at AS "verifiedAt" FROM "user" u
     LEFT JOIN verified_address v ON v.user_id = u.id AND v.email_key = u.email_key WHERE u.email_key = ?`,
    [key],
  );
  if (owner !== undefined) return owner.isActive && owner.verifiedAt === null ? owner : undefined;
  const [oldest] = await run<Waiting>(
    `SELECT r.user_id AS "userId", r.email FROM registration r JOIN "user" u ON u.id = r.user_id
     WHERE r.email_key = ? AND u.email_key IS NULL AND u.is_active ORDER BY r.created_at, r.user_id LIMIT 1`,
    [key],
  );
  return oldest;
}
