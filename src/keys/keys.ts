/** Rotates and revokes the keys that sign access tokens. */
export interface Keys {
  /**
   * Publishes the next key. It starts to sign 10 minutes later, when verifiers have fetched it. Tokens of the current
   * key stay valid.
   * @param isUrgent whether the new key signs at once
   * @returns the new key's `kid`, and when it becomes active, in epoch milliseconds
   * @throws {@link BadUserInput} if there is already a next key, and `isUrgent` is false
   * @example
   * const { kid, activatesAt } = await auth.keys.rotate();
   */
  rotate(isUrgent?: boolean): Promise<{ kid: string; activatesAt: number }>;

  /**
   * Revokes a key. Gatehouse then refuses the tokens of the key. If it was the current key, a new key signs at once.
   * @throws {@link BadUserInput} when there is no such key, or it is already revoked
   * @example
   * await auth.keys.revoke(kid);
   */
  revoke(kid: string): Promise<void>;
}
