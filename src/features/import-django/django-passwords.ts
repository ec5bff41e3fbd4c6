import type { ForeignHashes } from "../../accounts/password-hasher.js";
import type { CoreServices } from "../feature.js";
import { formatOf, readHash } from "./password-hashes.js";

/** How long to trust {@link DjangoPasswords.#samples}, in milliseconds. */
const SAMPLES_LIFETIME = 600_000;

/** Checks the passwords of users who have not logged in since the import. Such a user still has Django's hash. */
export class DjangoPasswords implements ForeignHashes {
  readonly #core: Pick<CoreServices, "sql" | "now">;
  /** One stored hash of each format that users still have, by the format. */
  #samples: ReadonlyMap<string, string> = new Map();
  #sampledAt = -Infinity;

  constructor(core: Pick<CoreServices, "sql" | "now">) {
    this.#core = core;
  }

  /** The migration has an index for this statement. */
  async #readSamples(): Promise<void> {
    this.#sampledAt = this.#core.now();
    const rows = await this.#core.sql.read<{ hash: string }>(
      `SELECT MAX(password_hash) AS hash FROM "user" WHERE substr(password_hash, 1, 1) <> '$'
       GROUP BY substr(password_hash, 1, 13)`,
      [],
    );
    this.#samples = new Map(rows.map(({ hash }) => [formatOf(hash), hash]));
  }

  /** A wrong password is checked against one hash of each format, so that the time does not reveal the user's format. */
  async verify(passwordHash: string | null, password: string): Promise<boolean> {
    if (passwordHash !== null && (await isRight(passwordHash, password))) return true;
    if (this.#core.now() - this.#sampledAt > SAMPLES_LIFETIME) await this.#readSamples();
    const others = new Map(this.#samples);
    if (passwordHash !== null) others.delete(formatOf(passwordHash));
    for (const sample of others.values()) await isRight(sample, password);
    return false;
  }
}

async function isRight(hash: string, password: string): Promise<boolean> {
  try {
    return (await readHash(hash)?.(password)) ?? false;
  } catch {
    // Only the check finds that such a hash is malformed.
    return false;
  }
}
