import type { ForeignHashes } from "../../accounts/password-hasher.js";
import type { Sql } from "../../sql.js";
import { spend } from "./hash-work.js";
import { readCosts } from "./password-costs.js";
import { readHash } from "./password-hashes.js";

/** Checks passwords against hashes of Django. An imported user normally has such a hash until the first login. */
export class DjangoPasswords implements ForeignHashes {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /**
   * Returns whether the password matches the hash. For every user, a wrong password takes about the same time: the time
   * to check the most expensive imported hash of each hash function, one after another. Otherwise the time would reveal
   * which hash the user has, or that the user does not exist.
   */
  async verify(passwordHash: string | null, password: string): Promise<boolean> {
    const own = passwordHash === null ? null : readHash(passwordHash);
    if (own !== null && (await own.check(password))) return true;
    for (const { hashFunction, cost } of await readCosts(this.#sql)) {
      const spent = own?.hashFunction === hashFunction ? own.cost : 0;
      await spend(hashFunction, password, cost - spent);
    }
    return false;
  }
}
