import type { AuthEvent, EndReason } from "../events.js";
import type { RunStatement } from "../sql.js";

export interface OutdatedEnding {
  readonly reason: Exclude<EndReason, "reused">;
  /** The id of the one session to keep. @default null: all sessions end */
  readonly keep?: string | null;
}

export interface UserSessions {
  /**
   * Ends each session of the user that has a lower `credentialsVersion` than the user. For example, a new password
   * raises the user's version from 3 to 4, and the sessions with version 3 end.
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
