/**
 * The ways to log in to an account: the password, and those of features, such as linked accounts. A feature must not
 * remove the last one.
 */
export class SignInMethods {
  readonly #counts = ["CASE WHEN u.password_hash IS NULL THEN 0 ELSE 1 END"];

  /**
   * Adds the ways to log in of a feature.
   * @param count an SQL expression without parameters: how many of them the user `u.id` has
   */
  add(count: string): void {
    this.#counts.push(count);
  }

  /**
   * Returns an SQL expression: how many ways a user has to log in. Use it in an exclusive statement. Otherwise two
   * statements could each remove one of the last two ways.
   * @param userId an SQL expression, such as `passkey.user_id`
   */
  countOf(userId: string): string {
    return `(SELECT ${this.#counts.join(" + ")} FROM "user" u WHERE u.id = ${userId})`;
  }
}
