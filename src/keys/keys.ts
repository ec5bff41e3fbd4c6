/** Rotates and revokes the keys that sign access tokens. */
export interface Keys {
  /**
   * Adds the next key and publishes it. The next key signs only later, when every verifier has had time to fetch it.
   * Tokens that the current key has signed stay valid.
   * @param isUrgent whether the new key signs at once
   * @returns the new key's `kid`, and when it becomes active, in epoch milliseconds
   * @throws {@link BadUserInput} if there is already a next key, unless `isUrgent`
   * @example
   * const { kid, activatesAt } = await auth.keys.rotate();
   */
  rotate(isUrgent?: boolean): Promise<{ kid: string; activatesAt: number }>;

  /**
   * Revokes a key. Tokens that it signed are no longer accepted. If it was the current key, a new key signs at once.
   * @throws {@link BadUserInput} when there is no such key, or it is already revoked
   * @example
   * await auth.keys.revoke(kid);
   */
  revoke(kid: string): Promise<void>;
}
