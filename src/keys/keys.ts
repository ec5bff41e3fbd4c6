/** Rotates and revokes the keys that sign access tokens. */
export interface Keys {
  /**
   * Publishes the key that signs next. It becomes active once every verifier has had time to fetch it. The current key
   * still verifies after that.
   * @param isUrgent whether the new key signs at once
   * @returns its `kid`, and when it becomes active in epoch milliseconds
   * @throws {@link BadUserInput} when the next key has already been published
   * @example
   * const { kid, activatesAt } = await auth.keys.rotate();
   */
  rotate(isUrgent?: boolean): Promise<{ kid: string; activatesAt: number }>;

  /**
   * Revokes a key. Tokens that it signed are no longer accepted. If it was the active key, a new key takes over at
   * once.
   * @throws {@link BadUserInput} when there is no such key
   * @example
   * await auth.keys.revoke(kid);
   */
  revoke(kid: string): Promise<void>;
}
