import type { Sealer } from "../../keys/sealing.js";
import { hashSecret, isSecret, randomSecret } from "../../tokens/secret-hash.js";
import type { CoreServices } from "../feature.js";
import { ExternalLoginFailed } from "./errors.js";
import type { Request } from "./provider.js";

/** How long a user may take at the provider, in milliseconds. */
const LIFETIME = 10 * 60_000;

/** The signed-in user who links a provider's account to their own, and the session in which the user began. */
export interface Linking {
  readonly userId: string;
  readonly sessionId: string;
}

export interface PendingLogin extends Request {
  readonly provider: string;
  /** Null if the login links no account. */
  readonly linking: Linking | null;
}

/** The values that the browser keeps until the login ends. */
export interface KeptLogin {
  /** Completes the login, together with the answer of the provider. */
  readonly proof: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

interface Row {
  readonly provider: string;
  readonly redirectTo: string;
  readonly sealed: string;
  readonly userId: string | null;
  readonly sessionId: string | null;
}

const SELECT_USER = `SELECT ?, ?, ?, ?, ?, ?, ?, id FROM "user" WHERE id = ?`;

/** The logins that have begun but not ended. The database stores hashes instead of their states and proofs. */
export class PendingLogins {
  readonly #core: Pick<CoreServices, "now" | "sql">;
  readonly #sealer: Sealer;

  constructor(core: Pick<CoreServices, "now" | "sql">, sealer: Sealer) {
    this.#core = core;
    this.#sealer = sealer;
  }

  /** @throws {@link ExternalLoginFailed} when the user who links an account has been deleted meanwhile */
  async store(login: PendingLogin): Promise<KeptLogin> {
    const { provider, redirectTo, linking, state, nonce, codeVerifier } = login;
    const proof = randomSecret();
    const stateHash = hashSecret(state);
    const sealed = this.#sealer.seal(JSON.stringify({ nonce, codeVerifier }), stateHash);
    const expiresAt = this.#core.now() + LIFETIME;
    const values = [stateHash, hashSecret(proof), provider, redirectTo, sealed, expiresAt];
    const stored = await this.#core.sql.write(
      `INSERT INTO external_login (state_hash, proof_hash, provider, redirect_to, sealed, expires_at, session_id, user_id)
       ${linking === null ? "VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)" : SELECT_USER} RETURNING state_hash`,
      linking === null ? values : [...values, linking.sessionId, linking.userId],
    );
    if (stored.length === 0) throw new ExternalLoginFailed("session_ended");
    return { proof, expiresAt };
  }

  /**
   * Deletes a login that has begun, and returns it. If the proof is wrong, keeps the login, because only a stranger
   * sends a wrong proof.
   * @throws {@link ExternalLoginFailed} when the login is unknown, was completed or has expired, or belongs to another
   * browser
   */
  async take(state: string, proof: string): Promise<PendingLogin> {
    if (!isSecret(state) || !isSecret(proof)) throw new ExternalLoginFailed("state");
    const stateHash = hashSecret(state);
    const [row] = await this.#core.sql.write<Row>(
      `DELETE FROM external_login WHERE state_hash = ? AND proof_hash = ? AND expires_at > ?
       RETURNING provider, redirect_to AS "redirectTo", sealed, user_id AS "userId", session_id AS "sessionId"`,
      [stateHash, hashSecret(proof), this.#core.now()],
    );
    if (row === undefined) throw new ExternalLoginFailed("state");
    const { provider, redirectTo, userId, sessionId } = row;
    const linking = userId === null || sessionId === null ? null : { userId, sessionId };
    return { provider, redirectTo, linking, state, ...this.#unseal(row.sealed, stateHash) };
  }

  #unseal(sealed: string, stateHash: string): Pick<Request, "nonce" | "codeVerifier"> {
    const text = this.#sealer.open(sealed, stateHash);
    if (text === null) throw new ExternalLoginFailed("sealed");
    return JSON.parse(text) as Pick<Request, "nonce" | "codeVerifier">;
  }
}
