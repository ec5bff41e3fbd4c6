import type { AuthEvent, EndReason } from "../events.js";
import type { RunStatement } from "../sql.js";

export interface OutdatedEnding {
  readonly reason: Exclude<EndReason, "reused">;
  /** The id of a session that must not end. @default null: none */
  readonly keep?: string | null;
}

export interface UserSessions {
  /**
   * Ends the sessions of the user that have a lower `credentialsVersion` than the user, except for `ending.keep`. For
   * example, a new password raises the user's version from 3 to 4, and the sessions with version 3 end.
   * @param run runs SQL in the transaction that raised the user's version
   */
  endOutdated(run: RunStatement, userId: string, ending: OutdatedEnding): Promise<EndedSessions>;
}

export interface EndedSessions {
  /** The number of ended sessions. Sessions that had already expired do not count. */
  readonly count: number;
  /** One event `session_ended` for each session in `count`. */
  readonly events: readonly AuthEvent[];
}
