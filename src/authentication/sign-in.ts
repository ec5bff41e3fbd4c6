import type { AuthScheme, Client } from "../events.js";
import type { AuthMethod } from "../sessions/methods.js";
import type { RunStatement } from "../sql.js";

/** A login by other means than a password alone. */
export interface SignIn {
  readonly methods: readonly AuthMethod[];
  /** @default "JWT" */
  readonly scheme?: AuthScheme;
  readonly client?: Client;
  /** The user's `credentialsVersion` when the first proof was checked. @default the current version */
  readonly credentialsVersion?: number;
  /**
   * Whether this login is the second step of another login. A wrong answer in a second step counts as a wrong password,
   * so a right answer resets the count of wrong passwords. @default false
   */
  readonly isSecondStep?: boolean;
  /**
   * Runs in the transaction that opens the session. If the promise rejects, no session is opened. For example, the
   * function checks that the proof is still valid.
   */
  readonly begin?: (run: RunStatement) => Promise<void>;
}
