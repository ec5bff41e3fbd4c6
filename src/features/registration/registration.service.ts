import { canonicalEmail, requireNewEmail } from "../../accounts/identifiers.js";
import type { PasswordPolicy } from "../../accounts/password-policy.js";
import type { Issued } from "../../authentication/token-issuer.js";
import { AuthError, BadUserInput, NoSuchUser } from "../../errors.js";
import { type AuthScheme, type Client, NO_CLIENT } from "../../events.js";
import type { RunStatement } from "../../sql.js";
import type { CoreServices, FeatureConfig } from "../feature.js";
import {
  type Mail,
  type MailProof,
  type MailRequest,
  type MailRequests,
  MailTokenNotValid,
  storeLocale,
  throwNotValid,
} from "../mail/index.js";
import { EmailNotVerified } from "./errors.js";

const DAY = 86_400;
/** How long an account that is neither verified nor used keeps its name, in milliseconds. */
const UNVERIFIED_RETENTION = 7 * DAY * 1000;
/** How many unverified accounts one run of the job deletes at most. */
const BATCH_SIZE = 1000;

/** SQL that is true for a row of `registration` whose user has no address yet, also none that an administrator set. */
const IS_WAITING = `EXISTS (SELECT 1 FROM "user" u WHERE u.id = registration.user_id AND u.email_key IS NULL)`;

/** SQL that is true for a row of `registration` that is old enough, and whose user has never been signed in. */
const IS_EXPIRED = `created_at <= ? AND ${IS_WAITING}
  AND NOT EXISTS (SELECT 1 FROM "user" u WHERE u.id = registration.user_id AND u.last_login_at IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM session s WHERE s.user_id = registration.user_id)`;

/** Somebody who signs up. */
interface NewPerson {
  readonly username: string;
  readonly email: string;
  readonly password: string;
  /** The language of the mails, or null if it is not known. */
  readonly locale: string | null;
}

/** A user who waits for a link. */
interface Waiting {
  readonly userId: string;
  readonly email: string;
}

/** The arguments of `resendVerification`. */
interface ResendRequest {
  readonly email: string;
}

/** The user who has an address. */
interface Owner {
  readonly id: string;
  readonly username: string;
  readonly email: string;
  /** SQLite's booleans are numbers. */
  readonly isActive: boolean | number;
}

type Parts = Pick<
  CoreServices,
  "accounts" | "authentication" | "hooks" | "now" | "onEvent" | "sessions" | "sql" | "throttle"
>;
type Config = Pick<FeatureConfig, "passwordMinLength"> & {
  readonly emailVerification: "required" | "optional";
};

/**
 * Lets people sign up. A new account has no e-mail address. It gets the address when the user opens the link of the
 * mail. Therefore the answer to a sign-up does not reveal whether the address has an account. And a stranger who signs
 * up with an address does not block it for its owner.
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
   * Creates an account, and sends a mail: a link that proves the address, or the news that the address has an account.
   * @returns the tokens of a session; null if the address must be proved first, or a feature refuses the login
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
   * Gives the token's user the address that the token proves. If other users wait for the address, nobody can tell who
   * chose the password. Therefore the user has no password afterwards, and no session.
   * @returns whether the user needs a new password
   * @throws {@link MailTokenNotValid} also if another user has the address by now
   * @throws {@link MailTokenExpired}
   * @throws {@link TooManyRequests} when a rate limit is reached
   */
  async verifyEmail(token: string, client: Client): Promise<boolean> {
    const { accounts, onEvent, sessions, throttle } = this.#core;
    await throttle.request(client);
    const { tokens } = this.#mail;
    const given = { purpose: "verifyEmail", token } as const;
    const { userId, address } = await tokens.find(given);
    const wait = { isContested: false };
    const begin = async (run: RunStatement) => {
      wait.isContested = await endWait(run, { userId, email: address });
      await tokens.consume(run, given);
    };
    const finish = async (run: RunStatement) => {
      if (wait.isContested) await removePassword(run, userId);
    };
    await accounts
      .updateUser(userId, { email: address }, client, finish, begin)
      .catch(throwNotValid);
    if (wait.isContested) await sessions.endAll(userId, client);
    onEvent({ type: "registration:verified", userId }, client);
    return wait.isContested;
  }

  /**
   * Sends a new link to an address that is not proved yet. The link is for the account that has the address. If no
   * account has it, the link is for the user who signed up with it first, and still waits. Without such a user, no mail
   * is sent or counted, and the caller gets the same answer.
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
   * Does nothing if the setting `emailVerification` is `optional`.
   * @throws {@link EmailNotVerified} when the user signed up, and has proved no address
   */
  async requireVerified(userId: string): Promise<void> {
    if (this.#config.emailVerification === "optional") return;
    // The row goes with the first proof of an address.
    const unverified = await this.#core.sql.read(
      `SELECT user_id FROM registration WHERE user_id = ?`,
      [userId],
    );
    if (unverified.length > 0) throw new EmailNotVerified();
  }

  /**
   * Records a proved address, and ends the wait of its user.
   * @param run runs a statement of the transaction that uses up the token
   */
  async recordProof(run: RunStatement, { userId, address }: MailProof): Promise<void> {
    await run(
      `INSERT INTO verified_address (user_id, email_key, verified_at) VALUES (?, ?, ?)
       ON CONFLICT (user_id) DO UPDATE SET email_key = excluded.email_key, verified_at = excluded.verified_at
       RETURNING user_id`,
      [userId, canonicalEmail(address), this.#core.now()],
    );
    await run(`DELETE FROM registration WHERE user_id = ? RETURNING user_id`, [userId]);
  }

  /** Deletes the accounts that were not verified within a week, so that their names are free again. */
  async deleteUnverified(): Promise<void> {
    const { accounts, now, sql } = this.#core;
    const before = now() - UNVERIFIED_RETENTION;
    const expired = await sql.read<{ id: string }>(
      `SELECT user_id AS id FROM registration WHERE ${IS_EXPIRED} ORDER BY created_at LIMIT ${BATCH_SIZE}`,
      [before],
    );
    for (const { id } of expired) {
      // The user may have opened the link meanwhile.
      const finish = async (run: RunStatement) => {
        const still = `SELECT user_id FROM registration WHERE user_id = ? AND ${IS_EXPIRED}`;
        if ((await run(still, [id, before])).length === 0) throw new NoSuchUser();
      };
      await accounts.deleteUser(id, NO_CLIENT, finish).catch((error: unknown) => {
        if (!(error instanceof BadUserInput)) throw error;
      });
    }
  }

  /**
   * Stores a row of `registration`. Does so also when the address has an account, so that the response time does not
   * reveal it.
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
   * Sends the mail of a registration: the news to the owner of the address, or a link to the new user. An owner who is
   * not active gets no mail.
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

  /** Sends a new link, if anyone waits for one. */
  async #sendAgain({ given, allows, inTransaction }: MailRequest<ResendRequest>): Promise<void> {
    const { sql } = this.#core;
    const key = canonicalEmail(given.email);
    const waiting = await findWaiting((statement, values) => sql.read(statement, values), key);
    if (waiting === undefined) return;
    const { userId, email: address } = waiting;
    if (!(await allows({ purpose: "verifyEmail", address, userId }))) return;
    await inTransaction((run) => this.#queueLink(run, waiting));
  }

  /** Queues a mail with a link that proves an address. Links of other users to the address work on. */
  async #queueLink(run: RunStatement, { userId, email }: Waiting): Promise<void> {
    const token = { purpose: "verifyEmail", userId } as const;
    // Without the username: a stranger has chosen it, and mail programs would turn `visit.example.com` into a link.
    // Without the user's id: a failed mail would be in the new user's audit trail. It would reveal that the address has
    // no account, because a failed `address-known` mail is in the trail of the owner.
    await this.#mail.queueLink(run, token, { template: "verify-email", to: email });
  }

  /** Queues the news that somebody has signed up with the address of a user. */
  async #queueNews(run: RunStatement, { id: userId, username, email: to }: Owner): Promise<void> {
    const token = { purpose: "resetPassword", userId } as const;
    try {
      // `to` is the stored spelling of the owner. The stranger may have typed `Ada@example.com` for `ada@example.com`.
      // On some servers that is another mailbox.
      const mail = { template: "address-known", to, userId, values: { username } };
      await this.#mail.queueLink(run, token, mail);
    } catch (error) {
      // An older version may have stored an address that no mail can go to.
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

/**
 * Ends the wait for an address, before its user gets it: no other user who waits for it can get it any more.
 * @returns whether the user has waited for the address together with others
 * @throws {@link MailTokenNotValid} when the user waits, but not for this address
 */
async function endWait(run: RunStatement, { userId, email }: Waiting): Promise<boolean> {
  const key = canonicalEmail(email);
  const [waiting] = await run<{ emailKey: string | null }>(
    `SELECT email_key AS "emailKey" FROM registration WHERE user_id = ? AND ${IS_WAITING}`,
    [userId],
  );
  if (waiting !== undefined && waiting.emailKey !== key) throw new MailTokenNotValid();
  const others = await run(
    `UPDATE registration SET email = NULL, email_key = NULL
     WHERE email_key = ? AND user_id <> ? AND ${IS_WAITING} RETURNING user_id`,
    [key, userId],
  );
  return waiting !== undefined && others.length > 0;
}

/** Removes the password of a user. The user's sessions and links stop working. */
async function removePassword(run: RunStatement, userId: string): Promise<void> {
  await run(
    `UPDATE "user" SET password_hash = NULL, credentials_version = credentials_version + 1 WHERE id = ? RETURNING id`,
    [userId],
  );
}

async function findOwner(run: RunStatement, key: string): Promise<Owner | undefined> {
  const [owner] = await run<Owner>(
    `SELECT id, username, email, is_active AS "isActive" FROM "user" WHERE email_key = ?`,
    [key],
  );
  return owner;
}

/**
 * Returns the user for whom a new link to an address is: its owner, if the address is not proved. If no account has the
 * address, the user who signed up with it first, and has no address yet. A user who is not active gets no link.
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
