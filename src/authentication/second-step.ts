import type { Client } from "../events.js";
import type { AuthMethod } from "../sessions/methods.js";
import type { LoginAttempt } from "./hooks.js";

/** A login whose session is not open yet. The user has already proved who they are. */
export interface ProvedLogin extends LoginAttempt {
  readonly userId: string;
  readonly client: Client;
  /** The user's `credentialsVersion` when the first proof was checked. */
  readonly credentialsVersion: number;
}

/** Decides whether a login needs a second step. */
export interface SecondStep {
  /** @throws {@link AuthError} if the login needs a second step */
  require(this: void, login: ProvedLogin): Promise<void>;
  /**
   * Returns an SQL condition over the row `"user"`, without parameters. It is true if a login of this user by these
   * methods needs no second step. The statement that opens the session checks the condition, because the user may have
   * added a factor meanwhile. Returns undefined if no login by these methods needs a second step.
   */
  needsNone(this: void, methods: readonly AuthMethod[]): string | undefined;
}

export const NO_SECOND_STEP: SecondStep = {
  require: () => Promise.resolve(),
  needsNone: () => undefined,
};
