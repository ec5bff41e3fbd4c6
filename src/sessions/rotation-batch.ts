import DataLoader from "dataloader";
import type { AuthConfig } from "../config/auth-config.js";
import { BATCH_SIZES, MAX_BATCH_SIZE, padToBatch, type Sql, type SqlValue } from "../sql.js";
import type { TokenSession } from "../tokens/token-kinds.js";
import { withinTime } from "../within-time.js";
import { IS_LIVE, liveAt } from "./live.js";
import type { SessionRow } from "./session-reader.js";

/** How long rotations wait for a running statement, in milliseconds. The statement itself may take longer. */
const MAX_WAIT = 500;

export interface Rotation {
  readonly session: TokenSession;
  /** When the new token expires at the latest, in epoch milliseconds. */
  readonly refreshExpiresAt: number;
}

export type Generation = Pick<SessionRow, "generation" | "rotatedAt" | "refreshExpiresAt">;

/**
 * Rotates sessions. A rotation adds 1 to a session's `generation`, before the session gets a new refresh or sliding
 * token.
 *
 * Rotations that arrive while a statement runs wait for its end, but at most {@link MAX_WAIT}. The next statement then
 * runs up to {@link MAX_BATCH_SIZE} of them, so that they share one commit. A commit is slow, because it writes to the
 * disk. If a statement is slow, or more than {@link MAX_BATCH_SIZE} rotations wait, several statements run at the same
 * time. This is safe, because each rotation is a conditional UPDATE.
 */
export class RotationBatch {
  readonly #sql: Sql;
  readonly #settings: Pick<AuthConfig, "now" | "roles">;
  readonly #rotations: DataLoader<Rotation, Generation | null | undefined>;
  readonly #statements: ReadonlyMap<number, string>;
  #running: Promise<unknown> = Promise.resolve();

  constructor(sql: Sql, settings: Pick<AuthConfig, "now" | "roles">) {
    this.#sql = sql;
    this.#settings = settings;
    this.#statements = new Map(
      BATCH_SIZES.map((size) => [size, toStatement(size, sql.skipLocked)]),
    );
    this.#rotations = new DataLoader((rotations) => this.#rotateAll(rotations), {
      cache: false,
      maxBatchSize: MAX_BATCH_SIZE,
      batchScheduleFn: (run) => void this.#running.then(() => setImmediate(run)),
    });
  }

  /**
   * Rotates a session. Returns null if the session is not live, or if its `generation` differs from the token's.
   */
  async rotate(rotation: Rotation): Promise<Generation | null> {
    const rotated = await this.#rotations.load(rotation);
    if (rotated !== undefined) return rotated;
    const alone = await this.#run(ROTATE_ONE, [rotation]);
    return alone.get(rotation.session.id) ?? null;
  }

  /**
   * Rotates each session once. Returns undefined for a rotation that must be tried again alone: a second rotation of
   * the same session, or a failed rotation whose session may have been locked.
   */
  async #rotateAll(rotations: readonly Rotation[]): Promise<(Generation | null | undefined)[]> {
    const tried = new Map(rotations.map((rotation) => [rotation.session.id, rotation]));
    const padded = padToBatch([...tried.values()]);
    const running = this.#run(this.#statements.get(padded.length) ?? "", padded);
    this.#running = withinTime(
      running.catch(() => undefined),
      MAX_WAIT,
      () => undefined,
    );
    const rotated = await running;
    const areSkipped = this.#sql.skipLocked !== "";
    return rotations.map((rotation) => {
      const { id } = rotation.session;
      if (tried.get(id) !== rotation) return undefined;
      return rotated.get(id) ?? (areSkipped ? undefined : null);
    });
  }

  async #run(
    statement: string,
    rotations: readonly Rotation[],
  ): Promise<ReadonlyMap<string, Generation>> {
    const { now, roles } = this.#settings;
    const at = now();
    const rows = await this.#sql.write<Generation & Pick<SessionRow, "id">>(statement, [
      ...rotations.map(({ session }) => session.id),
      ...[at, at],
      ...rotations.flatMap(toValues),
      ...liveAt(at, roles),
    ]);
    return new Map(rows.map((row) => [row.id, row]));
  }
}

function toValues({ session, refreshExpiresAt }: Rotation): SqlValue[] {
  const { id, userId, scheme, generation } = session;
  return [id, userId, scheme, generation, refreshExpiresAt];
}

/** @param skipLocked SQL that skips locked sessions. If it is empty, the statement waits until they are unlocked. */
function toStatement(size: number, skipLocked: string): string {
  const ids = Array(size).fill("?").join(", ");
  const values = Array(size).fill("(?, ?, ?, CAST(? AS bigint), CAST(? AS bigint))").join(", ");
  return `
    WITH free AS MATERIALIZED (SELECT id FROM session WHERE id IN (${ids}) ${skipLocked})
    UPDATE session SET generation = session.generation + 1, rotated_at = ?, last_used_at = ?,
      refresh_expires_at = CASE WHEN session.expires_at < used.column5 THEN session.expires_at ELSE used.column5 END
    FROM (VALUES ${values}) AS used JOIN free ON free.id = used.column1
    WHERE session.id = used.column1 AND session.user_id = used.column2 AND session.scheme = used.column3
      AND session.generation = used.column4 AND ${IS_LIVE}
    RETURNING session.id, session.generation, session.rotated_at AS "rotatedAt",
      session.refresh_expires_at AS "refreshExpiresAt"`;
}

const ROTATE_ONE = toStatement(1, "");
