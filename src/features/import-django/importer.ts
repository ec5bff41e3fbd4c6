import { setTimeout as sleep } from "node:timers/promises";
import type { TextRow } from "../../database/read-only.js";
import { BadUserInput } from "../../errors.js";
import type { RunStatement } from "../../sql.js";
import type { CoreServices } from "../feature.js";
import { type DjangoUser, parseUser } from "./django-user.js";
import { Holders } from "./holders.js";
import { userIdOf } from "./identity.js";
import { type Key, parseKey } from "./key.js";
import { TakenNames } from "./names.js";
import type { Progress } from "./progress.js";
import type { Report } from "./report.js";
import { type ImportSettings, Rights } from "./rights.js";
import type { DjangoSource } from "./source.js";
import { StoredSessions } from "./stored-sessions.js";
import { type OutstandingToken, parseToken } from "./token.js";
import {
  type ImportedUser,
  insertUsers,
  type KnownUser,
  type NewUser,
  readKnown,
  updateUsers,
} from "./users.js";

/** The users of one batch, with their tokens in Django. */
interface Batch {
  readonly users: readonly ImportedUser[];
  readonly known: ReadonlyMap<string, KnownUser>;
  readonly keys: ReadonlyMap<string, Key>;
  readonly tokens: readonly OutstandingToken[];
}

/**
 * Imports the users of a Django project. One short transaction writes a batch of users with all their tokens, so nothing
 * is half-done when the import is interrupted, and a running server can write in between.
 */
export class Importer {
  readonly #core: CoreServices;
  readonly #source: DjangoSource;
  readonly #settings: ImportSettings;
  readonly #report: Report;
  readonly #progress: Progress;
  readonly #rights: Rights;
  readonly #sessions: StoredSessions;
  readonly #startedAt: number;

  constructor(
    core: CoreServices,
    source: DjangoSource,
    settings: ImportSettings,
    report: Report,
    progress: Progress,
  ) {
    this.#core = core;
    this.#source = source;
    this.#settings = settings;
    this.#report = report;
    this.#progress = progress;
    this.#startedAt = core.now();
    this.#rights = new Rights(core.accounts, settings, report);
    this.#sessions = new StoredSessions(core, settings, report.counts);
  }

  async run(): Promise<void> {
    const total = await this.#source.countUsers();
    this.#progress.start("comparing names", 2 * total);
    const holders = await Holders.find(() => this.#parsedUsers());
    this.#progress.start("importing users", total);
    for await (const rows of this.#source.users()) {
      await this.#importUsers(rows, holders);
      this.#progress.add(rows.length);
    }
    this.#progress.start("ending blacklisted tokens");
    for await (const rows of this.#source.blacklistedWithoutUser(this.#now())) {
      const tokens = this.#parseTokens(rows);
      const newIds = await this.#findUnwritten(tokens);
      await this.#write((run, write) => this.#sessions.storeTokens(run, write, tokens, newIds));
      this.#progress.add(rows.length);
    }
    this.#progress.start("looking for deleted users");
    await this.#reportDeleted();
  }

  /** Yields the users who can come. */
  async *#parsedUsers(): AsyncGenerator<DjangoUser[]> {
    for await (const rows of this.#source.users()) {
      yield rows.flatMap((row) => this.#parse(row, () => undefined));
      this.#progress.add(rows.length);
    }
  }

  #parse(row: TextRow, refuse: (reason: string) => void): DjangoUser[] {
    try {
      return [parseUser(row, this.#startedAt)];
    } catch (error) {
      if (!(error instanceof BadUserInput)) throw error;
      refuse(error.message);
      return [];
    }
  }

  async #importUsers(rows: readonly TextRow[], holders: Holders): Promise<void> {
    const { counts } = this.#report;
    counts.usersRead += rows.length;
    const parsed = rows.flatMap((row) =>
      this.#parse(row, (reason) => {
        this.#refuse({ djangoId: row["id"] ?? "", username: row["username"] ?? null }, reason);
      }),
    );
    if (parsed.length > 0) await this.#importBatch(await this.#readBatch(parsed), holders);
  }

  /** Reads what else Django says about the users, and which of them are here already. */
  async #readBatch(parsed: readonly DjangoUser[]): Promise<Batch> {
    const ids = parsed.map(({ djangoId }) => djangoId);
    const profiles = await this.#source.profileRoles(ids);
    const keys = new Map<string, Key>();
    for (const row of await this.#source.keys(ids)) {
      const key = parseKey(row, this.#startedAt);
      if (key !== null) keys.set(key.djangoId, key);
      else {
        const user = { djangoId: row["user_id"] ?? "", username: null };
        this.#report.remark(
          user,
          "key",
          "The key is not 40 hexadecimal digits, so it cannot come.",
        );
      }
    }
    const tokens = this.#parseTokens(await this.#source.tokens(ids, this.#now()));
    const known = await readKnown(this.#core.sql, ids);
    const users: ImportedUser[] = [];
    for (const user of parsed) {
      const { djangoId, facts } = user;
      const before = known.get(djangoId)?.imported;
      if (before === null) {
        this.#refuse(toNamed(user), "The user was deleted here, and does not come back.");
        continue;
      }
      const { hasProfiles } = this.#settings;
      const profile = hasProfiles ? (profiles.get(djangoId) ?? "") : (before?.profile ?? null);
      const role = this.#rights.roleOf(facts, profile, before);
      const key = keys.get(djangoId)?.sessionId ?? null;
      const read = { ...user, imported: { ...facts, profile, role, key } };
      users.push(before === undefined ? read : await this.#rights.apply(read, before));
    }
    return { users, known, keys, tokens };
  }

  async #importBatch({ users, known, keys, tokens }: Batch, holders: Holders): Promise<void> {
    const { counts } = this.#report;
    const created = users.filter(({ djangoId }) => !known.has(djangoId));
    const changed = users.flatMap((user) => {
      const { imported: before = null, text } = known.get(user.djangoId) ?? {};
      return before === null || text === JSON.stringify(user.imported) ? [] : [{ user, before }];
    });
    const inserted: NewUser[] = [];
    await this.#write(async (run, write) => {
      const all = [...created, ...changed.map(({ user }) => user)];
      const taken = await TakenNames.read(run, all, holders, this.#report);
      for (const user of created) {
        const name = taken.chooseName(user);
        if (name !== null) inserted.push({ user, name, email: taken.chooseEmail(user) });
        else this.#refuse(toNamed(user), "Its name is taken here.");
      }
      await insertUsers(write, inserted);
      const updated = changed.map(({ user, before }) => {
        const { username, email } = user.imported;
        return {
          user,
          before,
          name: username === before.username ? null : taken.chooseName(user),
          email: email === before.email ? undefined : taken.chooseEmail(user),
        };
      });
      await updateUsers(write, updated, this.#report);
      const present = [
        ...inserted.map(({ user }) => user),
        ...users.filter(({ djangoId }) => known.has(djangoId)),
      ];
      const newIds = new Set(inserted.map(({ user }) => user.id));
      await this.#sessions.storeKeys(run, write, present, known, keys, newIds);
      await this.#sessions.storeTokens(run, write, tokens, newIds);
    });
    for (const { user } of inserted) {
      for (const { about, text } of user.remarks) this.#report.remark(toNamed(user), about, text);
    }
    counts.usersCreated += inserted.length;
    counts.usersChanged += changed.length;
    counts.usersUnchanged += users.length - created.length - changed.length;
  }

  /** Returns the ids of the tokens' users whom a dry run has not written. */
  async #findUnwritten(tokens: readonly OutstandingToken[]): Promise<Set<string>> {
    if (!this.#settings.isDryRun || tokens.length === 0) return new Set();
    const djangoIds = [...new Set(tokens.map(({ djangoId }) => djangoId))];
    return new Set([...(await this.#source.existing(djangoIds))].map(userIdOf));
  }

  /** Reports users whom Django no longer has. They stay here. */
  async #reportDeleted(): Promise<void> {
    const read: RunStatement = (statement, values) => this.#core.sql.readOnce(statement, values);
    let last = "";
    for (;;) {
      const rows = await read<{ djangoId: string; username: string }>(
        `SELECT django_id AS "djangoId", username FROM django_user JOIN "user" ON id = user_id
         WHERE django_id > ? ORDER BY django_id LIMIT 1000`,
        [last],
      );
      if (rows.length === 0) return;
      last = rows.at(-1)?.djangoId ?? "";
      const existing = await this.#source.existing(rows.map(({ djangoId }) => djangoId));
      for (const user of rows.filter(({ djangoId }) => !existing.has(djangoId))) {
        this.#report.remark(user, "user", "Django no longer has this user, who stays here.");
      }
      this.#progress.add(rows.length);
    }
  }

  /**
   * Runs a transaction. A dry run has no transaction, and its `write` does nothing. Then waits for as long as the
   * transaction took, so that a server that waits for the lock gets it.
   */
  async #write(use: (run: RunStatement, write: RunStatement) => Promise<void>): Promise<void> {
    const { sql } = this.#core;
    if (this.#settings.isDryRun) {
      await use(
        (statement, values) => sql.readOnce(statement, values),
        () => Promise.resolve([]),
      );
      return;
    }
    const begin = performance.now();
    await sql.inTransaction((run) => use(run, run));
    this.#sessions.reportEnded();
    await sleep(performance.now() - begin);
  }

  #parseTokens(rows: readonly TextRow[]): OutstandingToken[] {
    return rows.flatMap((row) => {
      const token = parseToken(row, this.#settings.simpleJwt, this.#startedAt);
      if (token === null) {
        const text = `The token ${row["id"]} of simplejwt cannot be read, so it cannot come.`;
        this.#report.remark(null, "token", text);
      }
      return token ?? [];
    });
  }

  #refuse(user: { djangoId: string; username: string | null }, reason: string): void {
    this.#report.counts.usersRefused += 1;
    this.#report.remark(user, "user", `Not imported. ${reason}`);
  }

  /** Returns the start of the import, as the databases write instants. */
  #now(): string {
    return new Date(this.#startedAt).toISOString().replace("T", " ").slice(0, 19);
  }
}

function toNamed({ djangoId, name }: DjangoUser) {
  return { djangoId, username: name.username };
}
