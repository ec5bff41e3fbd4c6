import type { DjangoUser } from "./django-user.js";

export interface Counts {
  usersRead: number;
  usersCreated: number;
  usersChanged: number;
  usersUnchanged: number;
  usersRefused: number;
  keysCreated: number;
  keysEnded: number;
  tokensCreated: number;
  tokensEnded: number;
}

type User = Pick<DjangoUser, "djangoId"> & { readonly username: string | null };

/**
 * Prints the report of an import: a line for each remark about a user, a token or the database, then the counts. Does
 * not collect the remarks, because a million of them could fill the memory.
 */
export class Report {
  readonly counts: Counts = {
    usersRead: 0,
    usersCreated: 0,
    usersChanged: 0,
    usersUnchanged: 0,
    usersRefused: 0,
    keysCreated: 0,
    keysEnded: 0,
    tokensCreated: 0,
    tokensEnded: 0,
  };
  readonly #print: (line: string) => void;
  readonly #isJson: boolean;
  readonly #isDryRun: boolean;
  /** The last remark as JSON. It is printed later, when it is clear whether a comma must follow. */
  #pending: string | null = null;

  constructor(print: (line: string) => void, kind: { isJson: boolean; isDryRun: boolean }) {
    this.#print = print;
    this.#isJson = kind.isJson;
    this.#isDryRun = kind.isDryRun;
    if (this.#isJson) this.#print('{ "remarks": [');
  }

  /**
   * @param user null if the remark is about the whole database
   * @param about the subject of the text, such as `username`
   */
  remark(user: User | null, about: string, text: string): void {
    if (this.#isJson) {
      if (this.#pending !== null) this.#print(`${this.#pending},`);
      this.#pending = JSON.stringify({
        djangoId: user?.djangoId,
        username: user?.username,
        about,
        text,
      });
      return;
    }
    const name = user?.username == null ? "" : ` ${JSON.stringify(user.username)}`;
    this.#print(user === null ? text : `User ${user.djangoId}${name}: ${text}`);
  }

  /** Counts and reports a user who is not imported. */
  refuse(user: User, reason: string): void {
    this.counts.usersRefused += 1;
    this.remark(user, "user", `Not imported. ${reason}`);
  }

  /** Prints the counts. @param isComplete false if the import stopped half-way */
  end(isComplete: boolean): void {
    const { counts } = this;
    if (this.#isJson) {
      if (this.#pending !== null) this.#print(this.#pending);
      const isDryRun = this.#isDryRun;
      this.#print(`], "summary": ${JSON.stringify({ isComplete, isDryRun, ...counts })} }`);
      return;
    }
    const n = (count: number) => count.toLocaleString("en");
    const { usersRead, usersCreated, usersChanged, usersUnchanged, usersRefused } = counts;
    this.#print(
      `Users: ${n(usersRead)} read, ${n(usersCreated)} new, ${n(usersChanged)} changed, ` +
        `${n(usersUnchanged)} as before, ${n(usersRefused)} not imported.`,
    );
    this.#print(`Keys: ${n(counts.keysCreated)} new, ${n(counts.keysEnded)} ended.`);
    this.#print(`JWTs: ${n(counts.tokensCreated)} new, ${n(counts.tokensEnded)} ended.`);
    if (this.#isDryRun) this.#print("This was a dry run: nothing was written.");
  }
}
