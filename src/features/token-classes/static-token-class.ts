import { randomBytes } from "node:crypto";
import { BadUserInput } from "../../errors.js";
import { NO_CLIENT } from "../../events.js";
import { Principal, type SessionInfo } from "../../sessions/principal.js";
import type { SessionQuery } from "../../sessions/session-list.js";
import { generateStaticToken } from "../../tokens/static-token.js";
import type { TokenBackend } from "./token-backend.js";

/**
 * A static token as DRF's users know it. Its key is known only to what {@link StaticToken.create} returns.
 * @see https://www.django-rest-framework.org/api-guide/authentication/#tokenauthentication
 * @example
 * const token = await auth.tokens.StaticToken.create(user, "backup script");
 * console.log(token.key); // once
 * for (const old of await auth.tokens.StaticToken.find({ userIds: [user.id] })) await old.delete();
 */
export class StaticToken {
  static readonly backend: TokenBackend | undefined;

  /** Private, so that no way of printing the object shows it. */
  readonly #key: string | null;
  readonly session: SessionInfo;

  constructor(session: SessionInfo, key: string | null) {
    this.session = session;
    this.#key = key;
  }

  /** The key to send as `Authorization: Token <key>`, for as long as this object lives; null for one that was found. */
  get key(): string | null {
    return this.#key;
  }

  /** A key in the right shape, which belongs to nobody. */
  static generateKey(): string {
    return generateStaticToken(randomBytes(16).toString("hex")).token;
  }

  /**
   * Makes a token for a user, beside those that the user has.
   * @throws {@link BadUserInput} for an unknown or inactive user
   */
  static async create(user: { id: string }, label: string | null = null): Promise<StaticToken> {
    const { accounts, sessions } = this.requireBackend();
    const account = await accounts.findAccountById(user.id);
    const id = randomBytes(16).toString("hex");
    const { token, secretHash } = generateStaticToken(id);
    const opening = { id, scheme: "TOKEN", label, secretHash, client: NO_CLIENT } as const;
    const row = account && (await sessions.open(account, opening));
    if (row === null) throw new BadUserInput("There is no such user, or the user is inactive.");
    return new this(new Principal(row).session, token);
  }

  /** A live token of the user with this label, or a new one. Only a new one has its key. */
  static async getOrCreate(
    user: { id: string },
    label: string | null = null,
  ): Promise<{ token: StaticToken; isCreated: boolean }> {
    const known = await this.find({ userIds: [user.id] });
    const token = known.find(({ session }) => session.label === label);
    if (token !== undefined) return { token, isCreated: false };
    return { token: await this.create(user, label), isCreated: true };
  }

  /** The newest hundred live tokens that match. */
  static async find(where: Omit<SessionQuery, "scheme" | "isLive">): Promise<StaticToken[]> {
    const query = { ...where, scheme: "TOKEN", isLive: true } as const;
    const { principals } = await this.requireBackend().sessionList.page(query, 100, null);
    return principals.map(({ session }) => new this(session, null));
  }

  /** Ends the token. @returns whether it lived until now */
  async delete(): Promise<boolean> {
    const { sessions } = (this.constructor as typeof StaticToken).requireBackend();
    return sessions.end(this.session.id, null, "logout");
  }

  protected static requireBackend(): TokenBackend {
    if (this.backend === undefined) throw new TypeError("Use the token classes of createAuth().");
    return this.backend;
  }

  /** Never the key. */
  toString(): string {
    return `gth_${this.session.id}_…`;
  }

  /** Never the key. */
  toJSON(): SessionInfo {
    return this.session;
  }
}

/** Makes the static token class of one configuration. */
export function createStaticTokenClass(backend: TokenBackend): typeof StaticToken {
  return class extends StaticToken {
    static override readonly backend = backend;
  };
}
