import { randomInt } from "node:crypto";
import { BadUserInput } from "../../errors.js";
import type { Client } from "../../events.js";
import type { AuthMethod } from "../../sessions/methods.js";
import type { RunStatement } from "../../sql.js";
import { hashSecret } from "../../tokens/secret-hash.js";
import type { CoreServices } from "../feature.js";
import type { Factor } from "./factor.js";
import type { Notices } from "./notices.js";

/** How many codes a user gets. */
const CODES = 10;
/** The characters of a code: Crockford's Base32, in which no two look alike. */
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
/** A code has 24 characters, which are 120 random bits. So a fast hash is enough. */
const GROUPS = 4;
const GROUP_LENGTH = 6;
const CODE = new RegExp(`^[${ALPHABET}]{${GROUPS * GROUP_LENGTH}}$`);

/** The codes for users who have lost their second factor. Each code works once. The database has only its hash. */
export class RecoveryCodes implements Factor {
  readonly name = "recoveryCode";
  readonly isBackup = true;
  readonly isEnrolled = "EXISTS (SELECT 1 FROM recovery_code WHERE recovery_code.user_id = u.id)";
  readonly #core: Pick<CoreServices, "onEvent" | "sql">;
  readonly #notices: Notices;

  constructor(core: Pick<CoreServices, "onEvent" | "sql">, notices: Notices) {
    this.#core = core;
    this.#notices = notices;
  }

  requireWellFormed(answer: unknown): void {
    if (typeof answer === "string" && CODE.test(canonical(answer))) return;
    throw new BadUserInput(`recoveryCode must have ${GROUPS * GROUP_LENGTH} letters and digits.`);
  }

  async verify(
    userId: string,
    answer: unknown,
    client: Client,
  ): Promise<readonly AuthMethod[] | null> {
    const hash = hashSecret(canonical(answer as string));
    const isUsed = await this.#core.sql.inTransaction(async (run) => {
      const used = await run(
        `DELETE FROM recovery_code WHERE code_hash = ? AND user_id = ? RETURNING code_hash`,
        [hash, userId],
      );
      if (used.length === 1) await this.#notices.queue(run, "recovery-code-used", userId);
      return used.length === 1;
    });
    if (!isUsed) return null;
    this.#notices.send();
    const details = { left: await this.countLeft(userId) };
    this.#core.onEvent({ type: "second-factor:recovery_code_used", userId, details }, client);
    return ["otp"];
  }

  async remove(run: RunStatement, userId: string): Promise<boolean> {
    const removed = await run(`DELETE FROM recovery_code WHERE user_id = ? RETURNING user_id`, [
      userId,
    ]);
    return removed.length > 0;
  }

  /**
   * Replaces the codes of a user.
   * @returns the new codes
   */
  async replace(run: RunStatement, userId: string): Promise<readonly string[]> {
    await this.remove(run, userId);
    const codes = Array.from({ length: CODES }, randomCode);
    const rows = codes.map(() => "(?, ?)").join(", ");
    await run(
      `INSERT INTO recovery_code (code_hash, user_id) VALUES ${rows} RETURNING code_hash`,
      codes.flatMap((code) => [hashSecret(canonical(code)), userId]),
    );
    return codes;
  }

  /** Returns new codes for a user who has none; null for a user who has some. */
  async createFirst(run: RunStatement, userId: string): Promise<readonly string[] | null> {
    const left = await run(`SELECT code_hash FROM recovery_code WHERE user_id = ? LIMIT 1`, [
      userId,
    ]);
    return left.length > 0 ? null : this.replace(run, userId);
  }

  async countLeft(userId: string): Promise<number> {
    const left = await this.#core.sql.read(
      `SELECT code_hash FROM recovery_code WHERE user_id = ?`,
      [userId],
    );
    return left.length;
  }
}

/** Returns a code such as `a1b2c3-…`. */
function randomCode(): string {
  const group = () =>
    Array.from({ length: GROUP_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join("");
  return Array.from({ length: GROUPS }, group).join("-");
}

/**
 * Returns a code in lower case, without spaces and hyphens. Replaces letters that look like digits, as in Crockford's
 * Base32: `o` becomes 0, and `i` and `l` become 1.
 */
function canonical(code: string): string {
  const plain = code.toLowerCase().replaceAll(/[\s-]/g, "");
  return plain.replaceAll("o", "0").replaceAll(/[il]/g, "1");
}
