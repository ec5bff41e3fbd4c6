import type { TextRow } from "../../database/read-only.js";
import { BadUserInput } from "../../errors.js";
import type { RunStatement } from "../../sql.js";
import type { CoreServices } from "../feature.js";
import { type Batch, BatchReader } from "./batch.js";
import { reportDeleted } from "./deleted-users.js";
import { type DjangoUser, parseUser, toNamed } from "./django-user.js";
import { Holders } from "./holders.js";
import { userIdOf } from "./identity.js";
import { TakenNames } from "./names.js";
import { Pace } from "./pace.js";
import type { Progress } from "../../progress.js";
import type { Report } from "./report.js";
import type { ImportSettings } from "./import-settings.js";
import { Rights } from "./rights.js";
import type { DjangoSource } from "./source.js";
import { StoredSessions } from "./stored-sessions.js";
import { type OutstandingToken, TokenReader } from "./token.js";
import {
  chooseNewNames,
  findChanged,
  type ImportedUser,
  insertUsers,
  type NewUser,
  updateUsers,
} from "./users.js";

/**
 * Imports the users of a Django project in batches. One short transaction writes a batch of users with all their
 * tokens. So an interrupted import leaves no user without tokens, and a running server can write between two batches.
 */
export class Importer {
  readonly #core: CoreServices;
  readonly #source: DjangoSource;
  readonly #settings: ImportSettings;
  readonly #report: Report;
  readonly #progress: Progress;
  readonly #rights: Rights;
  readonly #batches: BatchReader;
  readonly #sessions: StoredSessions;
  readonly #tokens: TokenReader;
  readonly #startedAt: number;
  readonly #pace = new Pace();

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
    this.#rights = new Rights(core, settings, report);
    this.#sessions = new StoredSessions(core, settings, report.counts);
    this.#tokens = new TokenReader(settings.simpleJwt, this.#startedAt, report);
    const tools = { report, tokens: this.#tokens, startedAt: this.#startedAt };
    this.#batches = new BatchReader(core.sql, source, tools);
  }

  async run(): Promise<void> {
    const total = await this.#source.countUsers();
    this.#progress.start("comparing names", 2 * total);
    const holders = await Holders.find(() => this.#parsedUsers());
    this.#progress.start("importing users", total);
    for await (const rows of this.#source.users()) {
      for (const part of this.#pace.partsOf(rows)) {
        await this.#importUsers(part, holders);
        this.#progress.add(part.length);
      }
    }
    await this.#requireAll(total);
    this.#rights.reportUnusedAdminValue();
    this.#progress.start("ending blacklisted tokens");
    for await (const rows of this.#source.blacklistedWithoutUser()) {
      for (const part of this.#pace.partsOf(rows)) {
        const tokens = this.#tokens.read(part);
        const newIds = await this.#findUnwritten(tokens);
        await this.#write(part.length, (run, write) =>
          this.#sessions.storeTokens(run, write, tokens, newIds),
        );
        this.#progress.add(part.length);
      }
    }
    this.#progress.start("looking for deleted users");
    await reportDeleted(this.#core.sql, this.#source, this.#report, this.#progress);
    this.#tokens.reportRefused();
  }

  /**
   * Requires that the import has read every user. Counts the users in Django again, because some may have been deleted
   * during the import.
   * @throws Error when the import has read fewer users than Django has
   */
  async #requireAll(total: number): Promise<void> {
    const { usersRead } = this.#report.counts;
    const least = Math.min(total, await this.#source.countUsers());
    if (usersRead >= least) return;
    throw new Error(
      `Only ${usersRead} of ${least} users could be read in the order of id. Check the type of the column id.`,
    );
  }

  /** Yields the users who can be imported. */
  async *#parsedUsers(): AsyncGenerator<DjangoUser[]> {
    for await (const rows of this.#source.users()) {
      yield rows.flatMap((row) => {
        const user = parse(row, this.#startedAt);
        return user instanceof BadUserInput ? [] : user;
      });
      this.#progress.add(rows.length);
    }
  }

  async #importUsers(rows: readonly TextRow[], holders: Holders): Promise<void> {
    this.#report.counts.usersRead += rows.length;
    const users = rows.flatMap((row) => {
      const user = parse(row, this.#startedAt);
      if (!(user instanceof BadUserInput)) return user;
      const named = { djangoId: row["id"] ?? "", username: row["username"] ?? null };
      this.#report.refuse(named, user.message);
      return [];
    });
    if (users.length > 0) await this.#importBatch(await this.#batches.read(users), holders);
  }

  async #importBatch(batch: Batch, holders: Holders): Promise<void> {
    const { known } = batch;
    const users = await this.#decideRights(batch);
    const created = users.filter(({ djangoId }) => !known.has(djangoId));
    const changed = findChanged(users, known);
    let inserted: NewUser[] = [];
    await this.#write(users.length, async (run, write) => {
      const all = [...created, ...changed.map(({ user }) => user)];
      const taken = await TakenNames.read(run, all, holders, this.#report);
      inserted = this.#nameNewUsers(created, taken);
      await insertUsers(write, inserted);
      await updateUsers(write, chooseNewNames(changed, taken), this.#report);
      await this.#storeSessions(run, write, batch, users, inserted);
    });
    for (const { user } of inserted) {
      for (const { about, text } of user.remarks) this.#report.remark(toNamed(user), about, text);
    }
    const { counts } = this.#report;
    counts.usersCreated += inserted.length;
    counts.usersChanged += changed.length;
    counts.usersUnchanged += users.length - created.length - changed.length;
  }

  /** Returns the users to store, and applies changed roles and activations of known users. */
  async #decideRights({ users: found, known, profiles, keys }: Batch): Promise<ImportedUser[]> {
    const users: ImportedUser[] = [];
    for (const user of found) {
      const { djangoId } = user;
      const before = known.get(djangoId)?.imported;
      if (before === null) {
        this.#report.refuse(
          toNamed(user),
          "The user was deleted in Gatehouse, so the import does not create the user again.",
        );
        continue;
      }
      const imported = await this.#rights.update(user, profiles.get(djangoId), before);
      // Do not import the key and tokens of an inactive user yet: activating the user would end the imported sessions.
      const key = imported.isActive ? (keys.get(djangoId)?.sessionId ?? null) : null;
      users.push({ ...user, imported: { ...imported, key } });
    }
    return users;
  }

  #nameNewUsers(created: readonly ImportedUser[], taken: TakenNames): NewUser[] {
    return created.flatMap((user) => {
      const name = taken.chooseName(user);
      if (name !== null) return [{ user, name, email: taken.chooseEmail(user) }];
      this.#report.refuse(toNamed(user), "The user's name is taken in Gatehouse.");
      return [];
    });
  }

  /** Stores the keys and tokens of a batch. */
  async #storeSessions(
    run: RunStatement,
    write: RunStatement,
    { known, keys, tokens }: Batch,
    users: readonly ImportedUser[],
    inserted: readonly NewUser[],
  ): Promise<void> {
    const old = users.filter(({ djangoId }) => known.has(djangoId));
    const present = [...inserted.map(({ user }) => user), ...old];
    const newIds = new Set(inserted.map(({ user }) => user.id));
    await this.#sessions.storeKeys(run, write, present, known, keys, newIds);
    await this.#sessions.storeTokens(run, write, usableTokens(tokens, users), newIds);
  }

  /**
   * In a dry run, returns the Gatehouse ids of the tokens' users who still exist in Django. The dry run stores no
   * users, so a query would not find new users. In a real import, returns an empty set.
   */
  async #findUnwritten(tokens: readonly OutstandingToken[]): Promise<Set<string>> {
    if (!this.#settings.isDryRun || tokens.length === 0) return new Set();
    const djangoIds = [...new Set(tokens.map(({ djangoId }) => djangoId))];
    return new Set([...(await this.#source.existing(djangoIds))].map(userIdOf));
  }

  /** Runs `use` in a transaction. In a dry run, there is no transaction, and `write` does nothing. */
  async #write(
    rows: number,
    use: (run: RunStatement, write: RunStatement) => Promise<void>,
  ): Promise<void> {
    const { sql } = this.#core;
    if (this.#settings.isDryRun) {
      await use(
        (statement, values) => sql.readOnce(statement, values),
        () => Promise.resolve([]),
      );
      return;
    }
    await this.#pace.run(rows, () => sql.inTransaction((run) => use(run, run)));
    this.#sessions.reportEnded();
  }
}

/** Returns the tokens of active users, and all blacklisted tokens. */
function usableTokens(
  tokens: readonly OutstandingToken[],
  users: readonly ImportedUser[],
): OutstandingToken[] {
  const active = new Set(
    users.filter(({ imported }) => imported.isActive).map(({ djangoId }) => djangoId),
  );
  return tokens.filter(({ djangoId, isBlacklisted }) => isBlacklisted || active.has(djangoId));
}

/** Returns a user who can be imported, or the reason why the user cannot. */
function parse(row: TextRow, startedAt: number): DjangoUser | BadUserInput {
  try {
    return parseUser(row, startedAt);
  } catch (error) {
    if (error instanceof BadUserInput) return error;
    throw error;
  }
}
