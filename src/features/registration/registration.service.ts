import { canonicalEmail, requireNewEmail } from "../../accounts/identifiers.js";
import type { PasswordPolicy } from "../../accounts/password-policy.js";
import type { Issued } from "../../authentication/token-issuer.js";
import { AuthError } from "../../errors.js";
import type { AuthScheme, Client } from "../../events.js";
import type { RunStatement } from "../../sql.js";
import type { CoreServices } from "../feature.js";
import { type Mail, storeLocale, throwNotValid } from "../mail/index.js";
import { findOwner, RegistrationMails } from "./registration-mails.js";
import { type Registration, requireOwnAddress } from "./unverified-accounts.js";

interface NewPerson {
  readonly username: string;
  readonly email: string;
  readonly password: string;
  /** The language of the mails, or null if it is not known. */
  readonly locale: string | null;
}

type Parts = Pick<
  CoreServices,
  "accounts" | "authentication" | "hooks" | "now" | "onEvent" | "sql" | "throttle"
>;

/**
 * Lets people sign up. A new account gets its e-mail address only when the user opens the link of the mail. So the
 * answer to a sign-up does not reveal whether the address has an account, and a stranger cannot block an address.
 */
export class RegistrationService {
  readonly #core: Parts;
  readonly #mail: Mail;
  readonly #mails: RegistrationMails;
  readonly #verification: "required" | "optional";

  constructor(core: Parts, mail: Mail, verification: "required" | "optional") {
    this.#core = core;
    this.#mail = mail;
    this.#mails = new RegistrationMails(core.sql, mail);
    this.#verification = verification;
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
   * @throws {@link ServiceUnavailable} for example when too many requests for mails wait
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
    await accounts.requireStrongPassword(password, { username, email });
    await hooks.before("beforeRegister", { username, email }, client);
    const id = await accounts.createUser({ username, password }, client, async (run, userId) => {
      await this.#store(run, { userId, email }, locale);
      await this.#mails.first.store({ userId, email }, client, run);
    });
    onEvent({ type: "registration:registered", userId: id }, client);
    this.#mail.wake();
    await hooks.after("afterRegister", { id, username, email: null }, client);
    if (this.#verification === "required") return null;
    return this.#login(username, password, scheme, client);
  }

  /**
   * Gives the token's user the address that the token proves. If other users without an address have registered with
   * it, too, removes the user's ways to log in, second factors and sessions.
   * @returns whether the user needs a new password
   * @throws {@link MailTokenNotValid} when the token is not valid, or another user has the address by now
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
        await requireOwnAddress(run, { userId, email: address });
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
   * account has it, the link is for the first active user who registered with it. If no link is needed, sends no mail,
   * but the caller does not learn this.
   * @throws {@link BadUserInput} when the address is malformed
   * @throws {@link TooManyRequests} when a rate limit is reached
   * @throws {@link ServiceUnavailable} when too many requests for mails wait
   */
  async resendVerification(email: string, client: Client): Promise<void> {
    await this.#core.throttle.attempt(client);
    requireNewEmail(email);
    await this.#mails.further.store({ email }, client);
  }

  /**
   * Stores a row of `registration`, even if the address has an account. Otherwise the response time would reveal the
   * account.
   */
  async #store(
    run: RunStatement,
    { userId, email }: Registration,
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
