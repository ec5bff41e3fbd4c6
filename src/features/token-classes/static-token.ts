import { newId } from "../../accounts/id.js";
import { idOf, type UserRef } from "../../accounts/user-ref.js";
import { BadUserInput } from "../../errors.js";
import { Principal, type SessionInfo } from "../../sessions/principal.js";
import type { SessionQuery } from "../../sessions/session-list.js";
import type { OpenedSession } from "../../sessions/session-opener.js";
import { generateStaticToken } from "../../tokens/static-token.js";
import { requireBackend, type TokenBackend } from "./token-backend.js";

const MAX_FOUND = 100;

/** A filter for {@link StaticToken.find}. A token matches if all given fields match. */
export interface StaticTokenQuery extends Omit<
  { readonly [Key in keyof SessionQuery]?: NonNullable<SessionQuery[Key]> },
  "scheme" | "isLive" | "userIds"
> {
  /** Ids of users, or objects with an `id`. */
  readonly userIds?: readonly UserRef[];
}

const QUERY_FIELDS: Readonly<Record<keyof StaticTokenQuery, true>> = {
  userIds: true,
  username: true,
  usernameIexact: true,
  emailIcontains: true,
  createdAfter: true,
  createdAtOrAfter: true,
  createdBefore: true,
  createdAtOrBefore: true,
};

/**
 * A static token, as in Django REST framework. Only a newly created token has its key.
 * @see https://www.django-rest-framework.org/api-guide/authentication/#tokenauthentication
 * @example
 * const token = await auth.tokens.StaticToken.create(user, "backup script");
 * console.log(token.key); // cannot be read again later
 * for (const old of await auth.tokens.StaticToken.find({ userIds: [user.id] })) await old.delete();
 */
export class StaticToken {
  /** The services that the methods use. Only the class `auth.tokens.StaticToken` has them. */
  static readonly backend: TokenBackend | undefined;

  /** A private field, so that a logged object does not show the key. */
  readonly #key: string | null;
  readonly session: SessionInfo;

  constructor(session: SessionInfo, key: string | null) {
    this.session = session;
    this.#key = key;
  }

  /**
   * The key to send as `Authorization: Token <key>`. Null for a token from the database, which stores only a hash of
   * the key.
   */
  get key(): string | null {
    return this.#key;
  }

  /** Returns a new key that belongs to no session. */
  static generateKey(): string {
    return generateStaticToken(newId()).token;
  }

  /**
   * Creates a token for a user. The user's other tokens stay valid, with these limits:
   * - If the user already has 100 tokens with labels, a new one ends the oldest of them.
   * - A token without a label counts as a login. If the user already has 100 logins, the oldest of them ends.
   * @throws {@link NoSuchUser} when the user does not exist
   * @throws {@link BadUserInput} when the user is inactive, or the label is malformed
   */
  static async create(user: UserRef, label: string | null = null): Promise<StaticToken> {
    const { sessions } = requireBackend(this.backend);
    return toToken(this, await sessions.open(user, { scheme: "TOKEN", label }));
  }

  /**
   * Returns the user's token with this label that still works, or creates one. The `key` of an existing token is null.
   * Concurrent calls create only one token.
   * @throws the errors of {@link StaticToken.create}
   */
  static async getOrCreate(
    user: UserRef,
    label: string | null = null,
  ): Promise<{ token: StaticToken; isCreated: boolean }> {
    const { sessions } = requireBackend(this.backend);
    const known = await findLabelled(this, user, label);
    if (known !== undefined) return { token: known, isCreated: false };
    const opened = await sessions.openFirst(user, { scheme: "TOKEN", label });
    if (opened !== null) return { token: toToken(this, opened), isCreated: true };
    // Another call may have just created the token. If not, the user is inactive or does not exist, so `create` throws
    // the error.
    const other = await findLabelled(this, user, label);
    if (other !== undefined) return { token: other, isCreated: false };
    return { token: await this.create(user, label), isCreated: true };
  }

  /**
   * Returns at most 100 tokens that match and still work, newest first. `{}` matches the tokens of all users.
   * @throws {@link BadUserInput} when a field is unknown, or its value is null, undefined or malformed
   * @throws {@link NoSuchUser} when one of `userIds` is malformed
   */
  static async find(where: StaticTokenQuery): Promise<StaticToken[]> {
    const { sessions } = requireBackend(this.backend);
    const query = { ...readQuery(where), scheme: "TOKEN", isLive: true } as const;
    const { principals } = await sessions.page(query, MAX_FOUND, null);
    return principals.map(({ session }) => new this(session, null));
  }

  /** Ends the token's session. @returns false if the session had already ended */
  async delete(): Promise<boolean> {
    const { backend } = this.constructor as typeof StaticToken;
    return requireBackend(backend).sessions.end(this.session.id);
  }

  /** Never shows the key. */
  toString(): string {
    return `gth_${this.session.id}_…`;
  }

  /** Never shows the key. */
  toJSON(): SessionInfo {
    return this.session;
  }
}

export function createStaticTokenClass(backend: TokenBackend): typeof StaticToken {
  return class extends StaticToken {
    static override readonly backend = backend;
  };
}

async function findLabelled(
  Class: typeof StaticToken,
  user: UserRef,
  label: string | null,
): Promise<StaticToken | undefined> {
  const live = await requireBackend(Class.backend).sessions.list(user);
  const session = live.find(({ scheme, label: own }) => scheme === "TOKEN" && own === label);
  return session && new Class(session, null);
}

function toToken(Class: typeof StaticToken, { row, token }: OpenedSession): StaticToken {
  const { settings } = requireBackend(Class.backend);
  return new Class(new Principal(row, settings).session, token);
}

/**
 * Refuses unknown fields. Otherwise `find({ usernme: "ada" })` would return the tokens of all users.
 */
function readQuery(where: StaticTokenQuery): SessionQuery {
  const given: unknown = where;
  if (typeof given !== "object" || given === null) throw new BadUserInput("A query is required.");
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(QUERY_FIELDS, name))
      throw new BadUserInput(`${name} is not a field of a query.`);
    if (value == null) throw new BadUserInput(`${name} must not be null or undefined.`);
  }
  const { userIds, ...others } = where;
  if (userIds === undefined) return others;
  if (!Array.isArray(userIds)) throw new BadUserInput("userIds must be a list.");
  return { ...others, userIds: userIds.map((user: UserRef) => idOf(user)) };
}
