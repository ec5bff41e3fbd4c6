import type { AuthConfig } from "../config/auth-config.js";
import { type Client, holderOf } from "../events.js";
import type { Sql } from "../sql.js";
import { TokenWrongType } from "../tokens/errors.js";
import type { VerifiedToken } from "../tokens/token-kinds.js";
import { TokenReused } from "./errors.js";
import { requireLive, requireStored, TokenReplaced } from "./live.js";
import { RotationBatch } from "./rotation-batch.js";
import type { SessionEnder } from "./session-ender.js";
import type { SessionReader, SessionRow } from "./session-reader.js";

export type RotationSettings = Pick<
  AuthConfig,
  "refreshTokenLifetime" | "reuseWindow" | "leeway" | "now" | "onEvent" | "roles"
>;

export class SessionRotator {
  readonly #sql: Sql;
  readonly #settings: RotationSettings;
  readonly #reader: SessionReader;
  readonly #ender: SessionEnder;
  readonly #batch: RotationBatch;

  constructor(sql: Sql, settings: RotationSettings, reader: SessionReader, ender: SessionEnder) {
    this.#sql = sql;
    this.#settings = settings;
    this.#reader = reader;
    this.#ender = ender;
    this.#batch = new RotationBatch(sql, settings);
  }

  /**
   * Rotates a refresh or sliding token, which raises the session's `generation` by one. Within the reuse window, the
   * previous token is also accepted. Any other use of a replaced token ends the session.
   * @returns the session, with the `generation` of the token to issue
   * @throws {@link Unauthenticated} with the reason
   * @see RFC 9700 4.14.2
   */
  async rotate({ kind, session, claims }: VerifiedToken, client: Client): Promise<SessionRow> {
    if (session.generation === null) throw new TokenWrongType();
    const at = this.#settings.now();
    const end = kind.slidesUntil(claims);
    const isExpired = this.#isExpired(claims, at) || at >= end;
    const refreshExpiresAt = Math.min(at + this.#settings.refreshTokenLifetime * 1000, end);
    const rotated = isExpired ? null : await this.#batch.rotate({ session, refreshExpiresAt });
    if (rotated === null) return this.#requireCurrent(session, at, isExpired, client);
    const row = await requireStored(this.#sql, await this.#reader.find(session.id), session);
    // Take the generation from `rotated`, because `row` was read later, when another call may have rotated the session
    // again.
    return { ...row, ...rotated };
  }

  /**
   * Returns the session of a refresh token without rotating it. Accepts and refuses the same tokens as
   * {@link SessionRotator.rotate}.
   * @throws {@link Unauthenticated} with the reason
   */
  async requireCurrent({ session, claims }: VerifiedToken, client: Client): Promise<SessionRow> {
    if (session.generation === null) throw new TokenWrongType();
    const at = this.#settings.now();
    return this.#requireCurrent(session, at, this.#isExpired(claims, at), client);
  }

  /**
   * Requires that a token is the current token of its session, and returns the session. Within the reuse window, also
   * accepts the previous token. Any other replaced token ends the session.
   */
  async #requireCurrent(
    session: VerifiedToken["session"],
    at: number,
    isExpired: boolean,
    client: Client,
  ): Promise<SessionRow> {
    const { reuseWindow, roles } = this.#settings;
    const row = await requireStored(this.#sql, await this.#reader.find(session.id), session);
    try {
      return requireLive(row, session, at, roles, { isExpired, reuseWindow: reuseWindow * 1000 });
    } catch (error) {
      if (!(error instanceof TokenReplaced)) throw error;
      await this.#endReused(row, holderOf(session, client));
      throw new TokenReused();
    }
  }

  #isExpired({ exp }: VerifiedToken["claims"], at: number): boolean {
    return Math.floor(at / 1000) >= exp + this.#settings.leeway;
  }

  async #endReused({ id, userId }: SessionRow, client: Client): Promise<void> {
    if (!(await this.#ender.end(id, userId, "reused", client))) return;
    this.#settings.onEvent({ type: "token_reused", userId, sessionId: id }, client);
  }
}
