import { timingSafeEqual } from "node:crypto";
import type { Account } from "../../accounts/account.js";
import { InvalidCredentials } from "../../accounts/errors.js";
import { canonicalEmail } from "../../accounts/identifiers.js";
import type { User } from "../../accounts/user.js";
import type { Issued } from "../../authentication/token-issuer.js";
import { BadUserInput, TooManyRequests } from "../../errors.js";
import type { AuthScheme, Client } from "../../events.js";
import { requireScheme } from "../../sessions/session-opener.js";
import type { RunStatement } from "../../sql.js";
import { hashSecret, isSecret, isSecretOf, randomSecret } from "../../tokens/secret-hash.js";
import type { CoreServices } from "../feature.js";
import {
  codeOf,
  type Mail,
  type MailRequest,
  type MailRequests,
  MailTokenExpired,
  MailTokenNotValid,
} from "../mail/index.js";
import { CodeNotValid } from "./errors.js";

/** How long a code can be used, in milliseconds. */
const LIFETIME = 10 * 60_000;
/**
 * How long further requests send the same code again, in milliseconds. If each request made a new code, a stranger
 * could replace a code before its owner has typed it.
 */
const RESENDING = 5 * 60_000;
/** How many times a code may be tried. */
const TRIES = 5;

const PURPOSE = "loginWithCode";
const CODE = /^\d{6}$/;

interface CodeRequest {
  /** The address in canonical form. */
  readonly email: string;
  readonly proofHash: string;
}

/** The values that the user entered, or that the page behind the link sends. */
export interface GivenCode {
  /** Six digits, or the token of a link. */
  readonly code: string;
  /** The proof that `requestLoginCode` returned. A link does not work without it. */
  readonly proof: string | null;
}

interface PendingCode {
  readonly tokenId: string | null;
  readonly proofHashes: string;
}

const COUNT_TRY = `
  UPDATE login_code SET tries = tries + 1 WHERE email_key = ? AND tries < ${TRIES} AND expires_at > ?
  RETURNING token_id AS "tokenId", proof_hash AS "proofHashes"`;

const FIND_PENDING = `
  SELECT token_id AS "tokenId", proof_hash AS "proofHashes" FROM login_code WHERE email_key = ? AND expires_at > ?`;

const SET_PROOFS = `
  UPDATE login_code SET proof_hash = ? WHERE email_key = ? AND tries < ${TRIES} RETURNING email_key`;

const REPLACE = `
  INSERT INTO login_code (email_key, token_id, proof_hash, tries, expires_at) VALUES (?, ?, ?, 0, ?)
  ON CONFLICT (email_key) DO UPDATE SET token_id = excluded.token_id, proof_hash = excluded.proof_hash,
    tries = 0, expires_at = excluded.expires_at RETURNING email_key`;

export class LoginCodesService {
  readonly #core: Pick<
    CoreServices,
    "accounts" | "authentication" | "now" | "onEvent" | "sql" | "throttle"
  >;
  readonly #mail: Mail;
  readonly #requests: MailRequests<CodeRequest>;

  constructor(
    core: Pick<
      CoreServices,
      "accounts" | "authentication" | "now" | "onEvent" | "sql" | "throttle"
    >,
    mail: Mail,
  ) {
    this.#core = core;
    this.#mail = mail;
    this.#requests = mail.requestsOf("requestLoginCode", (request) => this.#send(request));
  }

  /**
   * Mails a code and a link to the active user who has the address. If the last code is less than five minutes old and
   * still works, mails that code again. Sends no mail if there is no such user, the user has a hold (see `ResetHolds`),
   * or too many mails were sent. The caller does not learn this.
   * @param kept the proof of an earlier request of the same client, which this request then returns again; null for a
   * new proof. If the last mail is less than a minute old, this request sends no mail, and a new proof does not work
   * @returns the proof, and when a new code expires, in epoch milliseconds. A code that is mailed again expires earlier
   * @throws {@link BadUserInput} when the address or the proof is malformed
   * @throws {@link TooManyRequests} when a rate limit is reached
   * @throws {@link ServiceUnavailable} when too many requests wait
   */
  async request(
    email: string,
    kept: string | null,
    client: Client,
  ): Promise<{ proof: string; expiresAt: number }> {
    await this.#core.throttle.attempt(client);
    const address = canonicalEmail(email);
    const proof = kept ?? randomSecret();
    if (!isSecret(proof)) throw new BadUserInput("proof must be the proof of an earlier request.");
    await this.#requests.store({ email: address, proofHash: hashSecret(proof) }, client);
    return { proof, expiresAt: this.#core.now() + LIFETIME };
  }

  async #send({
    given: { email, proofHash },
    client,
    allows,
    inTransaction,
  }: MailRequest<CodeRequest>): Promise<void> {
    const { accounts, now, onEvent } = this.#core;
    const recipient = await this.#recipientOf(await accounts.findUser({ email }));
    const userId = recipient?.id ?? null;
    if (!(await allows({ purpose: PURPOSE, address: email, userId }))) return;
    await inTransaction(async (run) => {
      if (recipient === null) {
        await run(REPLACE, [email, null, proofHash, now() + LIFETIME]);
        return;
      }
      const { id, email: to, username } = recipient;
      let tokenId = await this.#keepPending(run, { email, proofHash });
      if (tokenId === null) {
        tokenId = await this.#mail.tokens.issue(run, { purpose: PURPOSE, userId: id, address: to });
        await run(REPLACE, [email, tokenId, proofHash, now() + LIFETIME]);
      }
      const mail = { template: "login-code", to, userId, tokenId, values: { username } };
      await this.#mail.queue(run, mail);
    });
    if (userId !== null) onEvent({ type: "login-codes:requested", userId }, client);
  }

  /**
   * Lets the pending code also work for the client of another request.
   * @returns the id of the code's token; null if there is no code that may be sent again
   */
  async #keepPending(run: RunStatement, { email, proofHash }: CodeRequest): Promise<string | null> {
    const expiresAfter = this.#core.now() + LIFETIME - RESENDING;
    const [pending] = await run<PendingCode>(FIND_PENDING, [email, expiresAfter]);
    if (pending === undefined || pending.tokenId === null) return null;
    const { tokenId, proofHashes } = pending;
    if ((await this.#mail.tokens.derive(tokenId, run)) === null) return null;
    const all = new Set([...proofHashes.split(" "), proofHash]);
    const kept = await run(SET_PROOFS, [[...all].join(" "), email]);
    return kept.length > 0 ? tokenId : null;
  }

  /** Returns null for a user who must not get a code. */
  async #recipientOf(user: User | null): Promise<(User & { readonly email: string }) | null> {
    if (user === null || !user.isActive || user.email === null) return null;
    const { id, email } = user;
    const isHeld = (await this.#mail.resetHolds.endOf(id)) !== null;
    return isHeld ? null : { ...user, email };
  }

  /**
   * Logs in the owner of an address.
   * @throws {@link CodeNotValid} for example for a wrong or expired code, an address without an account, or a link
   * without its proof
   * @throws {@link BadUserInput} when an argument is malformed, which does not count as a try
   * @throws {@link TooManyRequests} when a rate limit is reached
   * @throws the errors of {@link AuthenticationService.signIn}
   */
  async login(
    email: string,
    given: GivenCode,
    scheme: AuthScheme,
    client: Client,
  ): Promise<Issued> {
    const { accounts, authentication, onEvent, throttle } = this.#core;
    requireScheme(scheme);
    const address = canonicalEmail(email);
    const code = given.code.replaceAll(/\s/g, "");
    if (!isSecret(code) && !CODE.test(code)) {
      throw new BadUserInput("code must be the six digits of the mail, or the token of its link.");
    }
    const account = await accounts.findAccount({ email: address });
    const check = async () => {
      const token = await this.#findToken(address, { ...given, code });
      return token !== null && account !== null && (await this.#consume(token, account));
    };
    try {
      const isRight = await throttle.login(`login code ${address}`, client, check);
      if (!isRight || account === null) throw new CodeNotValid();
      const { id, credentialsVersion } = account;
      const login = { methods: ["otp"], scheme, client, credentialsVersion } as const;
      return await authentication.signIn(id, login);
    } catch (caught) {
      // Here, `InvalidCredentials` means that the user was deactivated or got a new password after the code was
      // checked.
      const error = caught instanceof InvalidCredentials ? new CodeNotValid() : caught;
      if (error instanceof CodeNotValid || error instanceof TooManyRequests) {
        const { reason = "code_not_valid" } = error;
        const known = account && { userId: account.id };
        onEvent({ type: "login_failed", login: email, ...known, reason }, client);
      }
      throw error;
    }
  }

  /**
   * Counts a try of a code. Does not count a link, because nobody can guess its token.
   * @returns the token of the mail. Null if the code is wrong, if it has expired, if it was tried too often, or if
   * another browser asked for the link
   */
  async #findToken(address: string, { code, proof }: GivenCode): Promise<string | null> {
    const { now, sql } = this.#core;
    const isLink = isSecret(code);
    const [pending] = isLink
      ? await sql.read<PendingCode>(FIND_PENDING, [address, now()])
      : await sql.write<PendingCode>(COUNT_TRY, [address, now()]);
    // Read even without a token. Otherwise the response time would reveal that the address has no account.
    const derived = await this.#mail.tokens.derive(pending?.tokenId ?? "");
    if (pending === undefined || derived === null) return null;
    const { token } = derived;
    const isRight = isLink
      ? isEqual(token, code) &&
        pending.proofHashes.split(" ").some((hash) => isSecretOf(hash, proof ?? ""))
      : isEqual(codeOf(token), code);
    return isRight ? token : null;
  }

  /** Uses up the token. Returns false if the token no longer works, or belongs to another account. */
  async #consume(token: string, { id }: Account): Promise<boolean> {
    const given = { purpose: PURPOSE, token } as const;
    try {
      const { userId } = await this.#core.sql.inTransaction((run) =>
        this.#mail.tokens.consume(run, given),
      );
      return userId === id;
    } catch (error) {
      if (error instanceof MailTokenNotValid || error instanceof MailTokenExpired) return false;
      throw error;
    }
  }
}

function isEqual(text: string, other: string): boolean {
  return timingSafeEqual(Buffer.from(text), Buffer.from(other));
}
