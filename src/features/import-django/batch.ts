import type { Sql } from "../../sql.js";
import type { DjangoUser } from "./django-user.js";
import { type Key, parseKey } from "./key.js";
import type { Report } from "./report.js";
import type { DjangoSource } from "./source.js";
import type { OutstandingToken, TokenReader } from "./token.js";
import { type KnownUser, readKnown } from "./users.js";

/** A batch of users, with what Django and earlier imports have stored about them. */
export interface Batch {
  readonly users: readonly DjangoUser[];
  /** The users whom earlier imports have created, by their Django id. */
  readonly known: ReadonlyMap<string, KnownUser>;
  /** The roles of the users' Profiles, by the Django id. */
  readonly profiles: ReadonlyMap<string, string>;
  /** The users' `rest_framework.authtoken` keys, by the Django id. */
  readonly keys: ReadonlyMap<string, Key>;
  readonly tokens: readonly OutstandingToken[];
}

interface Tools {
  readonly report: Report;
  readonly tokens: TokenReader;
  /** When the import started, in epoch milliseconds. */
  readonly startedAt: number;
}

/** Reads batches. Reports keys and tokens that cannot be imported, but changes nothing. */
export class BatchReader {
  readonly #sql: Sql;
  readonly #source: DjangoSource;
  readonly #tools: Tools;

  constructor(sql: Sql, source: DjangoSource, tools: Tools) {
    this.#sql = sql;
    this.#source = source;
    this.#tools = tools;
  }

  async read(users: readonly DjangoUser[]): Promise<Batch> {
    const ids = users.map(({ djangoId }) => djangoId);
    return {
      users,
      known: await readKnown(this.#sql, ids),
      profiles: await this.#source.profileRoles(ids),
      keys: await this.#readKeys(ids),
      tokens: await this.#readTokens(ids),
    };
  }

  async #readKeys(ids: readonly string[]): Promise<Map<string, Key>> {
    const keys = new Map<string, Key>();
    for (const row of await this.#source.keys(ids)) {
      const key = parseKey(row, this.#tools.startedAt);
      if (key !== null) keys.set(key.djangoId, key);
      else {
        const user = { djangoId: row["user_id"] ?? "", username: null };
        const text = "The key is not 40 hexadecimal digits, so it is not imported.";
        this.#tools.report.remark(user, "key", text);
      }
    }
    return keys;
  }

  async #readTokens(ids: readonly string[]): Promise<OutstandingToken[]> {
    const { startedAt, tokens } = this.#tools;
    return tokens.read(await this.#source.tokens(ids, toDatabaseTime(startedAt)));
  }
}

/** Returns an instant in the format of the databases, such as `2026-11-27 12:00:00`. */
function toDatabaseTime(instant: number): string {
  return new Date(instant).toISOString().replace("T", " ").slice(0, 19);
}
