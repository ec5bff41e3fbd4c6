import type { AuthConfig } from "../config/auth-config.js";
import { WrongSettings } from "../config/problems.js";
import { BadUserInput } from "../errors.js";
import { NO_CLIENT } from "../events.js";
import type { Sql } from "../sql.js";
import { isSymmetric, type Key, KeyRing } from "./key-ring.js";
import { type NewKey, SigningKeyStore, type StoredKeys } from "./signing-key-store.js";

/**
 * Seconds between the publication of a key and its first signature. Verifiers may cache the published keys only for a
 * shorter time.
 * @internal
 */
export const PUBLISH_AHEAD = 600;

/** Milliseconds after a reload during which a token with an unknown `kid` causes no further reload. */
const RELOAD_INTERVAL = 1000;

/** The settings of the signing keys. */
export type SigningKeyConfig = Pick<
  AuthConfig,
  "secretKeys" | "jwtAlgorithm" | "keyRotationInterval" | "now" | "onEvent"
>;

/** Loads, rotates and revokes the keys that sign access tokens. */
export class SigningKeyService {
  /** The keys of the last successful load. */
  readonly ring: KeyRing;
  readonly #store: SigningKeyStore;
  readonly #config: SigningKeyConfig;
  readonly #onFault: (error: Error) => void;
  /** The messages of reported faults. */
  readonly #reported = new Set<string>();
  #loadedAt = -Infinity;
  /** The value of `LISTED_KEYS` at the last load. */
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
   * Loads the keys. If there is no key, or if `jwtAlgorithm` has changed, adds a key that is active at once. Skips keys
   * that cannot be read, if at least one active key can be read.
   * @param onFault called once for each key that cannot be read
   * @throws Error if some keys cannot be read, and no active key can be read. The error is a {@link WrongSettings} if
   * `secretKey` does not open the keys
   * @throws {@link WrongSettings} if `jwtAlgorithm` has changed between symmetric and asymmetric
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

  /**
   * Reads the keys again. Running instances call this regularly to pick up a rotation. A key that cannot be used is
   * reported once, and does not make the reload fail.
   */
  async reload(): Promise<void> {
    this.#loadedAt = this.#config.now();
    const stored = await this.#store.read();
    this.#listed = stored.listed;
    this.#report(stored.faults);
    try {
      this.ring.replace(stored.keys);
    } catch (error) {
      // The ring keeps its previous keys, so that tokens can still be signed. If some keys cannot be read, they are the
      // likely cause, and are already reported.
      if (stored.faults.length === 0) this.#report([error as Error]);
    }
  }

  /**
   * Reads the keys again if another process has added, revoked or deleted a key.
   * @param listed the current value of `LISTED_KEYS`
   */
  async follow(listed: string | null): Promise<void> {
    if (listed !== this.#listed) await this.reload();
  }

  /**
   * Reloads the keys after a token with an unknown `kid`. At most once a second, because anyone can send such tokens.
   * @returns whether the keys were reloaded
   */
  async reloadAtMostOnceASecond(): Promise<boolean> {
    if (this.#config.now() - this.#loadedAt < RELOAD_INTERVAL) return false;
    await this.reload();
    return true;
  }

  /**
   * Adds the next key and publishes it. The next key signs only after {@link PUBLISH_AHEAD}, when every verifier has
   * had time to fetch it. Tokens that the current key has signed stay valid.
   * @param isUrgent whether the new key signs at once
   * @returns the new key's `kid`, and when it becomes active, in epoch milliseconds
   * @throws {@link BadUserInput} if there is already a next key, unless `isUrgent`
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

  /** Adds the next key if the current one has signed for `keyRotationInterval` and no next key is published yet. */
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
   * Revokes a key. Tokens that it signed are no longer accepted. If it was the current key, a new key signs at once.
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
 * Describes the key that follows `current`. The new key always has the later `createdAt`, even if both keys are created
 * within the same millisecond. If both become active at the same instant, the key with the later `createdAt` signs.
 */
function createKey(
  { jwtAlgorithm, now }: SigningKeyConfig,
  activatesAt: number,
  current: Key | undefined,
): NewKey {
  const createdAt = Math.max(now(), (current?.createdAt ?? 0) + 1);
  return { algorithm: jwtAlgorithm, activatesAt, createdAt };
}
