import type { CoreServices } from "../feature.js";
import { type DjangoUser, toNamed } from "./django-user.js";
import type { ImportSettings } from "./import-settings.js";
import { type Key, parseKey } from "./key.js";
import type { Report } from "./report.js";
import type { Rights } from "./rights.js";
import type { DjangoSource } from "./source.js";
import type { OutstandingToken, TokenReader } from "./token.js";
import { type ImportedUser, type KnownUser, readKnown } from "./users.js";

/** The users of one batch, with their tokens in Django. */
export interface Batch {
  readonly users: readonly ImportedUser[];
  /** The users whom earlier imports have created, by their Django id. */
  readonly known: ReadonlyMap<string, KnownUser>;
  /** The keys by the Django id of their user. */
  readonly keys: ReadonlyMap<string, Key>;
  readonly tokens: readonly OutstandingToken[];
}

interface Tools {
  readonly report: Report;
  readonly rights: Rights;
  readonly tokens: TokenReader;
  /** When the import started, in epoch milliseconds. */
  readonly startedAt: number;
}

/** Reads what Django stores about a batch of users besides the users themselves. */
export class BatchReader {
  readonly #core: Pick<CoreServices, "sql">;
  readonly #source: DjangoSource;
  readonly #settings: ImportSettings;
  readonly #tools: Tools;

  constructor(
    core: Pick<CoreServices, "sql">,
    source: DjangoSource,
    settings: ImportSettings,
    tools: Tools,
  ) {
    this.#core = core;
    this.#source = source;
    this.#settings = settings;
    this.#tools = tools;
  }

  /** Reads a batch. Applies the changes of roles and activations. */
  async read(found: readonly DjangoUser[]): Promise<Batch> {
    const ids = found.map(({ djangoId }) => djangoId);
    const profiles = await this.#source.profileRoles(ids);
    const keys = await this.#readKeys(ids);
    const known = await readKnown(this.#core.sql, ids);
    const users: ImportedUser[] = [];
    for (const user of found) {
      const before = known.get(user.djangoId)?.imported;
      if (before === null) {
        this.#tools.report.refuse(
          toNamed(user),
          "The user was deleted in Gatehouse, so the import does not create the user again.",
        );
        continue;
      }
      const imported = await this.#applyRights(user, profiles.get(user.djangoId), before);
      // Do not import the key and tokens of an inactive user yet, because a later activation would end their sessions.
      const key = imported.isActive ? (keys.get(user.djangoId)?.sessionId ?? null) : null;
      users.push({ ...user, imported: { ...imported, key } });
    }
    return { users, known, keys, tokens: await this.#readTokens(ids, users) };
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

  /** Returns the values to store for a user, without a key. */
  async #applyRights(
    user: DjangoUser,
    profileRole: string | undefined,
    before: ImportedUser["imported"] | undefined,
  ): Promise<ImportedUser["imported"]> {
    const { rights } = this.#tools;
    const profile = this.#settings.hasProfiles ? (profileRole ?? "") : (before?.profile ?? null);
    const role = rights.roleOf(user.facts, profile, before);
    const read = { ...user, imported: { ...user.facts, profile, role, key: null } };
    return before === undefined ? read.imported : (await rights.apply(read, before)).imported;
  }

  /** Returns the tokens of active users, and all blacklisted tokens. */
  async #readTokens(
    ids: readonly string[],
    users: readonly ImportedUser[],
  ): Promise<OutstandingToken[]> {
    const active = new Set(
      users.filter(({ imported }) => imported.isActive).map(({ djangoId }) => djangoId),
    );
    const { startedAt, tokens } = this.#tools;
    const read = tokens.read(await this.#source.tokens(ids, toDatabaseTime(startedAt)));
    return read.filter(({ djangoId, isBlacklisted }) => isBlacklisted || active.has(djangoId));
  }
}

/** Returns an instant in the format of the databases, such as `2026-11-27 12:00:00`. */
function toDatabaseTime(instant: number): string {
  return new Date(instant).toISOString().replace("T", " ").slice(0, 19);
}
