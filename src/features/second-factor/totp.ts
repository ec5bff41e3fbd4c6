import { encodeQR } from "qr";
import { Secret, TOTP } from "otpauth";
import { BadUserInput } from "../../errors.js";
import type { Sealer } from "../../keys/sealing.js";
import { TokenRevoked } from "../../sessions/errors.js";
import { HAS_SESSION, openAt } from "../../sessions/live.js";
import type { AuthMethod } from "../../sessions/methods.js";
import type { RunStatement } from "../../sql.js";
import type { CoreServices } from "../feature.js";
import { CodeNotValid } from "./errors.js";
import type { Factor } from "./factor.js";

/** How long an authenticator app shows a code, in seconds: one time step. @see RFC 6238 5.2 */
const PERIOD = 30;
const DIGITS = 6;
/** How many time steps the clock of the authenticator app may be ahead or behind. */
const DRIFT = 1;
/** The length of a secret, in bytes. @see RFC 4226 4 */
const SECRET_SIZE = 20;
/** How long a new secret waits for its first code, in milliseconds. */
const ENROLMENT_LIFETIME = 15 * 60_000;
/** How many secrets one statement reads to encrypt them again. */
const BATCH_SIZE = 500;

const CODE = /^\d{6}$/;

/** A new secret for the user's authenticator app. */
export interface NewTotp {
  /** The secret in Base32, for users who type it into the app. */
  readonly secret: string;
  /** An `otpauth:` URI. */
  readonly uri: string;
  /** A QR code of {@link NewTotp.uri}, as an SVG document. */
  readonly qr: string;
  readonly expiresAt: Date;
}

interface Caller {
  readonly id: string;
  readonly username: string;
  readonly session: { readonly id: string };
}

interface StoredTotp {
  readonly userId: string;
  readonly sealed: string;
}

/** The codes of apps such as Google Authenticator. @see RFC 6238 */
export class TotpFactor implements Factor {
  readonly name = "totp";
  readonly isEnrolled = "EXISTS (SELECT 1 FROM totp WHERE totp.user_id = u.id)";
  readonly #core: Pick<CoreServices, "now" | "sql">;
  readonly #sealer: Sealer;
  readonly #issuer: string;

  /** @param issuer the name that the authenticator app shows for Gatehouse */
  constructor(core: Pick<CoreServices, "now" | "sql">, sealer: Sealer, issuer: string) {
    this.#core = core;
    this.#sealer = sealer;
    this.#issuer = issuer;
  }

  requireWellFormed(answer: unknown): void {
    if (typeof answer === "string" && CODE.test(canonical(answer))) return;
    throw new BadUserInput(`totp must be the ${DIGITS} digits that the app shows.`);
  }

  /** Accepts the code of each time step once, even if two instances check it at the same time. */
  async verify(userId: string, answer: unknown): Promise<readonly AuthMethod[] | null> {
    const { sql } = this.#core;
    const [totp] = await sql.read<StoredTotp>(
      `SELECT user_id AS "userId", sealed FROM totp WHERE user_id = ?`,
      [userId],
    );
    const step = totp === undefined ? null : this.#findStep(totp, canonical(answer as string));
    if (totp === undefined || step === null) return null;
    const accepted = await sql.write(
      `UPDATE totp SET last_step = ?, sealed = ? WHERE user_id = ? AND last_step < ? AND sealed = ? RETURNING user_id`,
      [step, this.#sealer.renew(totp.sealed, userId), userId, step, totp.sealed],
    );
    return accepted.length === 1 ? ["otp"] : null;
  }

  async remove(run: RunStatement, userId: string): Promise<boolean> {
    await run(`DELETE FROM totp_enrolment WHERE user_id = ? RETURNING user_id`, [userId]);
    const removed = await run(`DELETE FROM totp WHERE user_id = ? RETURNING user_id`, [userId]);
    return removed.length > 0;
  }

  /**
   * Stores a new secret. The secret does not work until {@link TotpFactor.confirm} has received its first code.
   * @throws {@link TokenRevoked} when the session has ended since the request began
   */
  async begin({ id, username, session }: Caller): Promise<NewTotp> {
    const secret = new Secret({ size: SECRET_SIZE });
    const { sql } = this.#core;
    const at = this.#core.now();
    const expiresAt = at + ENROLMENT_LIFETIME;
    const begun = await sql.write(
      `INSERT INTO totp_enrolment (user_id, session_id, sealed, expires_at)
       SELECT id, ?, ?, ? FROM "user" WHERE id = ? AND ${HAS_SESSION}
       ON CONFLICT (user_id) DO UPDATE SET session_id = excluded.session_id, sealed = excluded.sealed,
         expires_at = excluded.expires_at RETURNING user_id`,
      [session.id, this.#sealer.seal(secret.base32, id), expiresAt, id, session.id, ...openAt(at)],
    );
    if (begun.length === 0) throw new TokenRevoked();
    const uri = this.#totpOf(secret, username).toString();
    const qr = encodeQR(uri, "svg");
    return { secret: secret.base32, uri, qr, expiresAt: new Date(expiresAt) };
  }

  /**
   * Makes the secret of {@link TotpFactor.begin} the user's secret. Replaces the secret that the user had before.
   * @throws {@link CodeNotValid} for example for a wrong code, or when this session did not call `begin` in the last 15
   * minutes
   */
  async confirm(
    run: RunStatement,
    { id, session }: Caller,
    code: string,
  ): Promise<readonly AuthMethod[]> {
    const at = this.#core.now();
    const [begun] = await run<StoredTotp>(
      `SELECT user_id AS "userId", sealed FROM totp_enrolment
       WHERE user_id = ? AND session_id = ? AND expires_at > ?`,
      [id, session.id, at],
    );
    const step = begun === undefined ? null : this.#findStep(begun, canonical(code));
    if (begun === undefined || step === null) throw new CodeNotValid();
    await run(`DELETE FROM totp_enrolment WHERE user_id = ? RETURNING user_id`, [id]);
    await run(
      `INSERT INTO totp (user_id, sealed, last_step, added_at) VALUES (?, ?, ?, ?)
       ON CONFLICT (user_id) DO UPDATE SET sealed = excluded.sealed, last_step = excluded.last_step,
         added_at = excluded.added_at RETURNING user_id`,
      [id, begun.sealed, step, at],
    );
    return ["otp"];
  }

  /**
   * Encrypts the confirmed secrets with the current root secret, so that they no longer need the previous root secret.
   * Leaves out unconfirmed secrets, because they expire soon.
   */
  async reseal(): Promise<void> {
    const { sql } = this.#core;
    for (let last = ""; ;) {
      const rows = await sql.read<StoredTotp>(
        `SELECT user_id AS "userId", sealed FROM totp WHERE user_id > ? ORDER BY user_id LIMIT ${BATCH_SIZE}`,
        [last],
      );
      for (const { userId, sealed } of rows) {
        const renewed = this.#sealer.renew(sealed, userId);
        if (renewed === sealed) continue;
        await sql.write(
          `UPDATE totp SET sealed = ? WHERE user_id = ? AND sealed = ? RETURNING user_id`,
          [renewed, userId, sealed],
        );
      }
      last = rows.at(-1)?.userId ?? "";
      if (rows.length < BATCH_SIZE) return;
    }
  }

  /** Returns the time step of a code. Returns null if the code is wrong, or if the secret cannot be decrypted. */
  #findStep({ userId, sealed }: StoredTotp, code: string): number | null {
    const secret = this.#sealer.open(sealed, userId);
    if (secret === null) return null;
    const timestamp = this.#core.now();
    const totp = this.#totpOf(Secret.fromBase32(secret), "");
    const delta = totp.validate({ token: code, timestamp, window: DRIFT });
    return delta === null ? null : totp.counter({ timestamp }) + delta;
  }

  #totpOf(secret: Secret, label: string): TOTP {
    // Most apps know only SHA-1. They ignore the name of another algorithm, and would show wrong codes.
    const options = { algorithm: "SHA1", digits: DIGITS, period: PERIOD };
    return new TOTP({ issuer: this.#issuer, label, secret, ...options });
  }
}

function canonical(code: string): string {
  return code.replaceAll(/\s/g, "");
}
