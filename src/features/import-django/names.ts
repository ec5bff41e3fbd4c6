import type { RunStatement } from "../../sql.js";
import { type DjangoUser, type Name, otherName } from "./django-user.js";
import type { Holders } from "./holders.js";
import type { Report } from "./report.js";
import { selectIn } from "../../database/rows.js";

/** A user name with its skeletons, as the table `user` stores them. */
export interface StoredName {
  readonly username: string;
  readonly key: string;
  readonly skeleton: string;
  readonly shownSkeleton: string | null;
}

/** The names and addresses that are taken in Gatehouse, each with the id of its user. */
export class TakenNames {
  readonly #holders: Holders;
  readonly #report: Report;
  readonly #keys = new Map<string, string>();
  readonly #skeletons = new Map<string, string>();
  readonly #emails = new Map<string, string>();

  private constructor(holders: Holders, report: Report) {
    this.#holders = holders;
    this.#report = report;
  }

  /** Looks up every name and address that these users could get, and remembers those that are taken. */
  static async read(
    run: RunStatement,
    users: readonly DjangoUser[],
    holders: Holders,
    report: Report,
  ): Promise<TakenNames> {
    const taken = new TakenNames(holders, report);
    const names = users.flatMap((user) => [user.name, otherName(user)]);
    const emails = users.flatMap(({ email }) => email?.key ?? []);
    const find = async (column: string, values: readonly string[], found: Map<string, string>) => {
      const statement = `SELECT id, ${column} AS text FROM "user" WHERE ${column} IN`;
      const rows = await selectIn<{ id: string; text: string }>(run, statement, values);
      for (const { id, text } of rows) found.set(text, id);
    };
    await find("username_key", unique(names.map(({ key }) => key)), taken.#keys);
    await find("username_skeleton", unique(names.map(({ folded }) => folded)), taken.#skeletons);
    await find("email_key", unique(emails), taken.#emails);
    return taken;
  }

  /**
   * Chooses a free name for a user, and marks it as taken. If the user's own name is taken, the new name ends in `#`
   * and the Django id. Reports a new name, and a name that looks like the name of another user.
   * @returns null if the name with `#` is taken, too
   */
  chooseName(user: DjangoUser): StoredName | null {
    const name = this.#findFreeName(user);
    if (name === null) return null;
    this.#keys.set(name.key, user.id);
    const { username, key, folded, shown } = name;
    if (this.#hasFreeSkeleton(user, name)) {
      this.#skeletons.set(folded, user.id);
      return { username, key, skeleton: folded, shownSkeleton: shown };
    }
    this.#remark(user, "username", "The name looks like that of another user. The name stays.");
    // Make the skeleton unique with a suffix, because two users cannot have the same `username_skeleton`. Keep the real
    // skeleton in `shownSkeleton`.
    return { username, key, skeleton: `${folded}#${user.id}`, shownSkeleton: folded };
  }

  /**
   * Returns the address of a user, and marks it as taken. If another user has the address, reports this and returns
   * null. Also returns null for a user without an address.
   */
  chooseEmail(user: DjangoUser): DjangoUser["email"] {
    const { email } = user;
    if (email === null) return null;
    const holder = this.#holders.holderOf("email", user);
    if (holder === user.djangoId && isOwn(this.#emails, email.key, user)) {
      this.#emails.set(email.key, user.id);
      return email;
    }
    const who = holder === user.djangoId ? "A user of Gatehouse" : `User ${holder}`;
    this.#remark(
      user,
      "email",
      `${who} has the same address. This user is imported without an address.`,
    );
    return null;
  }

  #findFreeName(user: DjangoUser): Name | null {
    const { name } = user;
    const holder = this.#holders.holderOf("username", user);
    if (holder === user.djangoId && isOwn(this.#keys, name.key, user)) return name;
    const other = otherName(user);
    if (!isOwn(this.#keys, other.key, user)) return null;
    const who = holder === user.djangoId ? "A user of Gatehouse" : `User ${holder}`;
    const [taken, given] = [name.key, other.username].map((text) => JSON.stringify(text));
    this.#remark(
      user,
      "username",
      `${who} has the name ${taken}. This user is now called ${given}.`,
    );
    return other;
  }

  #hasFreeSkeleton(user: DjangoUser, name: Name): boolean {
    const isHolder =
      name !== user.name || this.#holders.holderOf("skeleton", user) === user.djangoId;
    return isHolder && isOwn(this.#skeletons, name.folded, user);
  }

  #remark({ djangoId, name }: DjangoUser, about: string, text: string): void {
    this.#report.remark({ djangoId, username: name.username }, about, text);
  }
}

function isOwn(taken: ReadonlyMap<string, string>, text: string, user: DjangoUser): boolean {
  return [undefined, user.id].includes(taken.get(text));
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
