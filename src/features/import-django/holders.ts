import { hash } from "node:crypto";
import type { DjangoUser } from "./django-user.js";

/**
 * A kind of value that several users can share in Django, but only one user can have in Gatehouse. Names that look
 * alike have the same skeleton.
 */
export type Unique = "username" | "skeleton" | "email";

interface Holder {
  readonly djangoId: string;
  readonly isActive: boolean;
  readonly lastLoginAt: number;
}

/**
 * Decides which user gets a name or an address that several users share. An active user wins over inactive users, then
 * the latest login wins, then the first row. Takes a few dozen bytes of memory for each user, and an entry of a map for
 * each shared text.
 */
export class Holders {
  readonly #holders: ReadonlyMap<string, Holder>;

  private constructor(holders: ReadonlyMap<string, Holder>) {
    this.#holders = holders;
  }

  /** @param read returns all users. It is called again if users share values. */
  static async find(read: () => AsyncIterable<readonly DjangoUser[]>): Promise<Holders> {
    const repeated = await findRepeated(read());
    const holders = new Map<string, Holder>();
    if (repeated.size === 0) return new Holders(holders);
    for await (const users of read()) {
      for (const user of users) {
        for (const text of textsOf(user)) {
          if (!repeated.has(hashOf(text))) continue;
          const holder = holders.get(text);
          if (holder === undefined || isBefore(toHolder(user), holder)) {
            holders.set(text, toHolder(user));
          }
        }
      }
    }
    return new Holders(holders);
  }

  /** Returns the Django id of the user who gets this user's name, skeleton or address. */
  holderOf(kind: Unique, user: DjangoUser): string {
    const text = textOf(kind, user);
    return (text === null ? undefined : this.#holders.get(text)?.djangoId) ?? user.djangoId;
  }
}

function toHolder({ djangoId, lastLoginAt, facts }: DjangoUser): Holder {
  return { djangoId, isActive: facts.isActive, lastLoginAt: lastLoginAt ?? 0 };
}

function isBefore(one: Holder, other: Holder): boolean {
  return one.isActive === other.isActive ? one.lastLoginAt > other.lastLoginAt : one.isActive;
}

function textsOf(user: DjangoUser): string[] {
  const kinds = ["username", "skeleton", "email"] as const;
  return kinds.flatMap((kind) => textOf(kind, user) ?? []);
}

function textOf(kind: Unique, { name, email }: DjangoUser): string | null {
  const text = { username: name.key, skeleton: name.folded, email: email?.key }[kind];
  return text === undefined ? null : `${kind} ${text}`;
}

/** Returns the hashes that occur more than once. */
async function findRepeated(pages: AsyncIterable<readonly DjangoUser[]>): Promise<Set<number>> {
  let hashes = new Float64Array(3 * 1024);
  let length = 0;
  for await (const users of pages) {
    for (const text of users.flatMap(textsOf)) {
      if (length === hashes.length) {
        const longer = new Float64Array(2 * length);
        longer.set(hashes);
        hashes = longer;
      }
      hashes[length] = hashOf(text);
      length += 1;
    }
  }
  const sorted = hashes.subarray(0, length).sort();
  const repeated = new Set<number>();
  for (const [index, value] of sorted.entries()) {
    if (value === sorted[index + 1]) repeated.add(value);
  }
  return repeated;
}

/** Returns a hash of 52 bits, because a number holds only 53 bits exactly. */
function hashOf(text: string): number {
  return Number.parseInt(hash("sha1", text, "hex").slice(0, 13), 16);
}
