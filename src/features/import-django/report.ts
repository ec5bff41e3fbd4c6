import type { DjangoUser } from "./django-user.js";

/** The counts of an import. */
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
 * Prints what an import does: a line for each user or token with something unusual, as soon as it is known, and the
 * counts at the end. Keeps no lines, because there may be a million.
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
  /** The line of JSON that is printed when it is known whether another one follows. */
  #pending: string | null = null;

  constructor(print: (line: string) => void, kind: { isJson: boolean; isDryRun: boolean }) {
    this.#print = print;
    this.#isJson = kind.isJson;
    this.#isDryRun = kind.isDryRun;
    if (this.#isJson) this.#print('{ "remarks": [');
  }

  /** @param about what the text is about, such as `username`. Null as the user: the whole database. */
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
    // JSON, because a broken name may hold control characters.
    const name = user?.username == null ? "" : ` ${JSON.stringify(user.username)}`;
    this.#print(user === null ? text : `User ${user.djangoId}${name}: ${text}`);
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
