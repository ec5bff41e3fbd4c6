/** Rotates and revokes the keys that sign access tokens. */
export interface Keys {
  /**
   * Publishes the key that signs next. It becomes active once every verifier has had time to fetch it; the present key goes on
   * verifying.
   * @param isUrgent whether the new key signs at once
   * @returns its `kid`, and when it becomes active in epoch milliseconds
   * @throws {@link BadUserInput} when a key is waiting already
   * @example
   * const { kid, activatesAt } = await auth.keys.rotate();
   */
  rotate(isUrgent?: boolean): Promise<{ kid: string; activatesAt: number }>;

  /**
   * Revokes a key: nothing that it signed is accepted any more. If it was the active one, a new key takes over at once.
   * @throws {@link BadUserInput} when there is no such key
   * @example
   * await auth.keys.revoke(kid);
   */
  revoke(kid: string): Promise<void>;
}
