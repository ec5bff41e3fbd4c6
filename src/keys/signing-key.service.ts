import type { AuthConfig } from "../config/auth-config.js";
import { WrongSettings } from "../config/problems.js";
import { BadUserInput } from "../errors.js";
import { NO_CLIENT } from "../events.js";
import type { Sql } from "../sql.js";
import { isSymmetric, type Key, KeyRing } from "./key-ring.js";
import { type NewKey, SigningKeyStore, type StoredKeys } from "./signing-key-store.js";

/**
 * Seconds between the publication of a key and its first use. During this time, verifiers fetch the key.
 * @internal
 */
export const PUBLISH_AHEAD = 600;

/** The shortest time between two reloads for tokens with an unknown `kid`, in milliseconds. */
const RELOAD_INTERVAL = 1000;

export type SigningKeyConfig = Pick<
  AuthConfig,
  "secretKeys" | "jwtAlgorithm" | "keyRotationInterval" | "now" | "onEvent"
>;

export class SigningKeyService {
  readonly ring: KeyRing;
  readonly #store: SigningKeyStore;
  readonly #config: SigningKeyConfig;
  readonly #onFault: (error: Error) => void;
  readonly #reported = new Set<string>();
  #loadedAt = -Infinity;
  /** The ids of the keys at the last load, such as `a1,b2`. */
  #listed: string | null;

  private constructor(
    store: SigningKeyStore,
    config: SigningKeyConfig,
    { keys, listed }: StoredKeys,
    onFault: (error: Error) => void,
  ) {
    this.#store = store;
    this.#config = config;
    this.#onFault = onFault;
    this.#listed = listed;
    this.ring = new KeyRing(keys, config.now);
  }

  /**
   * Loads the keys. Adds a key if there is none, or if `jwtAlgorithm` has changed, such as from `ES256` to `RS256`. Skips
   * a key that cannot be read, if another key is active.
   * @param onFault called once for each key that is skipped
   * @throws {@link WrongSettings} if no other key is active, and `secretKey` cannot decrypt the key
   * @throws Error if no other key is active, and the key cannot be read for another reason
   * @throws {@link WrongSettings} if `jwtAlgorithm` has changed between asymmetric and symmetric, such as from `ES256`
   * to `HS256`
   */
  static async open(
    sql: Sql,
    config: SigningKeyConfig,
    onFault: (error: Error) => void,
  ): Promise<SigningKeyService> {
    const { jwtAlgorithm, now } = config;
    const store = new SigningKeyStore(sql, config.secretKeys);
    const stored = await store.read();
    const {
      keys,
      faults: [fault],
    } = stored;
    if (fault !== undefined && !keys.some(({ activatesAt }) => activatesAt <= now())) {
      throw fault.cause instanceof WrongSettings ? fault.cause : fault;
    }
    const current = keys.length > 0 ? new KeyRing(keys, now).current : undefined;
    if (current !== undefined && isSymmetric(current.algorithm) !== isSymmetric(jwtAlgorithm)) {
      const message = `the keys in this database are for ${current.algorithm}; symmetric and asymmetric keys cannot be mixed`;
      throw new WrongSettings([{ option: "jwtAlgorithm", message }]);
    }
    if (current?.algorithm !== jwtAlgorithm) {
      await store.insert(createKey(config, now(), current));
    }
    const loaded = await store.read();
    const service = new SigningKeyService(store, config, loaded, onFault);
    service.#report(loaded.faults);
    await store.reseal();
    return service;
  }

  /** Reads the keys again. If keys cannot be used, reports them instead of throwing an error. */
  async reload(): Promise<void> {
    this.#loadedAt = this.#config.now();
    const stored = await this.#store.read();
    this.#listed = stored.listed;
    this.#report(stored.faults);
    try {
      this.ring.replace(stored.keys);
    } catch (error) {
      // The ring keeps its previous keys. Report this error, unless unreadable keys were reported above, because they
      // are the likely cause.
      if (stored.faults.length === 0) this.#report([error as Error]);
    }
  }

  /**
   * Reads the keys again if another process has changed them.
   * @param listed the ids of the keys in the database, such as `a1,b2`
   */
  async follow(listed: string | null): Promise<void> {
    if (listed !== this.#listed) await this.reload();
  }

  /**
   * Reloads the keys for a token with an unknown `kid`. Does nothing within a second of the last reload, because anyone
   * can send such tokens.
   */
  async reloadAtMostOnceASecond(): Promise<void> {
    if (this.#config.now() - this.#loadedAt >= RELOAD_INTERVAL) await this.reload();
  }

  /**
   * Publishes the next key. It starts to sign after {@link PUBLISH_AHEAD}. Tokens of the current key stay valid.
   * @param isUrgent whether the new key signs at once
   * @returns the new key's `kid`, and when it becomes active, in epoch milliseconds
   * @throws {@link BadUserInput} if there is already a next key, and `isUrgent` is false
   */
  async rotate(isUrgent = false): Promise<{ kid: string; activatesAt: number }> {
    await this.reload();
    const now = this.#config.now();
    const activatesAt = isUrgent ? now : now + PUBLISH_AHEAD * 1000;
    const key = createKey(this.#config, activatesAt, this.ring.current);
    const kid = await this.#store.insert(key, isUrgent ? undefined : now);
    if (kid === null) {
      throw new BadUserInput("The next key is already published, and is not active yet.");
    }
    await this.reload();
    this.#config.onEvent({ type: "key_rotated", kid }, NO_CLIENT);
    return { kid, activatesAt };
  }

  /** Adds the next key if there is none yet, and the current key has signed for longer than `keyRotationInterval`. */
  async rotateIfDue(): Promise<void> {
    const { keyRotationInterval, now } = this.#config;
    if (keyRotationInterval === null) return;
    await this.reload();
    const { current, next } = this.ring;
    if (next !== undefined || now() - current.activatesAt < keyRotationInterval * 1000) return;
    await this.rotate().catch((error: unknown) => {
      if (!(error instanceof BadUserInput)) throw error;
    });
  }

  #report(faults: readonly Error[]): void {
    for (const fault of faults) {
      if (this.#reported.has(fault.message)) continue;
      this.#reported.add(fault.message);
      this.#onFault(fault);
    }
  }

  /**
   * Revokes a key. Gatehouse then refuses the tokens of the key. If it was the current key, a new key signs at once.
   * @throws {@link BadUserInput} if there is no such key, or it is already revoked
   */
  async revoke(kid: string): Promise<void> {
    await this.reload();
    if (this.ring.current.kid === kid) await this.rotate(true);
    const isRevoked = await this.#store.revoke(kid, this.#config.now());
    if (!isRevoked) throw new BadUserInput("There is no such key.");
    await this.reload();
  }
}

/**
 * Returns the data of a new key. The new key's `createdAt` is later than the `createdAt` of `current`. So the new key
 * signs even if both keys have the same `activatesAt`.
 */
function createKey(
  { jwtAlgorithm, now }: SigningKeyConfig,
  activatesAt: number,
  current: Key | undefined,
): NewKey {
  const createdAt = Math.max(now(), (current?.createdAt ?? 0) + 1);
  return { algorithm: jwtAlgorithm, activatesAt, createdAt };
}
