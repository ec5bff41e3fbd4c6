import type { RunStatement } from "../sql.js";

/**
 * Removes what a feature has added to a user: ways to log in, or a second factor.
 * @param run runs a statement of the caller's transaction
 */
type Removal = (run: RunStatement, userId: string) => Promise<unknown>;

/**
 * The ways to log in to an account: the password, and the ways that features add, such as linked accounts. A feature
 * must not remove the last way.
 */
export class SignInMethods {
  readonly #counts = ["CASE WHEN u.password_hash IS NULL THEN 0 ELSE 1 END"];
  readonly #removals: Removal[] = [];

  /**
   * Adds a feature's ways to log in.
   * @param count an SQL expression without parameters for the number of these ways that the user `u.id` has
   * @param removal removes all of these ways from a user
   */
  add(count: string, removal: Removal): void {
    this.#counts.push(count);
    this.addRemoval(removal);
  }

  /** Adds the removal of a second factor to {@link SignInMethods.removeAll}. A second factor is not a way to log in. */
  addRemoval(removal: Removal): void {
    this.#removals.push(removal);
  }

  /**
   * Removes a user's second factors, and all ways to log in except the password. Meant for an account that a stranger
   * may have used before its owner.
   * @param run runs a statement of the caller's transaction
   */
  async removeAll(run: RunStatement, userId: string): Promise<void> {
    for (const removal of this.#removals) await removal(run, userId);
  }

  /**
   * Returns an SQL expression for the number of a user's ways to log in. Use it where statements run one at a time, as
   * in `Sql.writeExclusive`. Otherwise two statements could each remove one of the last two ways.
   * @param userId an SQL expression, such as `passkey.user_id`
   */
  countOf(userId: string): string {
    return `(SELECT ${this.#counts.join(" + ")} FROM "user" u WHERE u.id = ${userId})`;
  }
}
