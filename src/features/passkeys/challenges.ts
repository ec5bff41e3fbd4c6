import { TokenRevoked } from "../../sessions/errors.js";
import { HAS_SESSION, openAt } from "../../sessions/live.js";
import { hashSecret, isSecret, randomSecret } from "../../tokens/secret-hash.js";
import type { CoreServices } from "../feature.js";

/** How long a challenge can be answered, in milliseconds. */
export const CHALLENGE_LIFETIME = 5 * 60_000;

/** The purpose of a challenge. A challenge for one purpose cannot be used for another. */
export type Ceremony =
  | { readonly type: "registration"; readonly userId: string; readonly sessionId: string }
  | { readonly type: "login" };

export interface NewChallenge {
  /** 256 random bits in base64url. */
  readonly challenge: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

const OF_SESSION = `FROM "user" WHERE id = ? AND ${HAS_SESSION}`;

/** The challenges that have not been answered yet. The database has only their hashes. @see WebAuthn 13.4.3 */
export class Challenges {
  readonly #core: Pick<CoreServices, "now" | "sql">;

  constructor(core: Pick<CoreServices, "now" | "sql">) {
    this.#core = core;
  }

  /** @throws {@link TokenRevoked} when the session that registers a passkey has ended since the request began */
  async create(ceremony: Ceremony): Promise<NewChallenge> {
    const challenge = randomSecret();
    const at = this.#core.now();
    const expiresAt = at + CHALLENGE_LIFETIME;
    const [from, parameters] =
      ceremony.type === "login"
        ? ["", []]
        : [OF_SESSION, [ceremony.userId, ceremony.sessionId, ...openAt(at)]];
    const created = await this.#core.sql.write(
      `INSERT INTO passkey_challenge (challenge_hash, ceremony, user_id, session_id, expires_at)
       SELECT ?, ?, ?, ?, ? ${from} RETURNING challenge_hash`,
      [hashSecret(challenge), ...valuesOf(ceremony), expiresAt, ...parameters],
    );
    if (created.length === 0) throw new TokenRevoked();
    return { challenge, expiresAt };
  }

  /**
   * Deletes a challenge, so that it can be answered only once.
   * @returns false if the challenge is unknown, has expired, was already answered, or was created for another ceremony,
   * user or session
   */
  async take(challenge: string, ceremony: Ceremony): Promise<boolean> {
    if (!isSecret(challenge)) return false;
    const taken = await this.#core.sql.write(
      `DELETE FROM passkey_challenge WHERE challenge_hash = ? AND ceremony = ?
         AND user_id IS NOT DISTINCT FROM ? AND session_id IS NOT DISTINCT FROM ? AND expires_at > ?
       RETURNING challenge_hash`,
      [hashSecret(challenge), ...valuesOf(ceremony), this.#core.now()],
    );
    return taken.length === 1;
  }
}

function valuesOf(
  ceremony: Ceremony,
): [type: string, userId: string | null, session: string | null] {
  if (ceremony.type === "login") return [ceremony.type, null, null];
  return [ceremony.type, ceremony.userId, ceremony.sessionId];
}
