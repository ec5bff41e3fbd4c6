import type { Client } from "../events.js";
import type { LoginAttempt } from "./hooks.js";

/** A login whose user has proved who they are, but whose session is not open yet. */
export interface ProvedLogin extends LoginAttempt {
  readonly userId: string;
  readonly client: Client;
  /** The user's `credentialsVersion` when the first proof was checked. */
  readonly credentialsVersion: number;
}

/**
 * Decides whether a login needs a second step.
 * @throws {@link AuthError} if it does
 */
export type SecondStep = (login: ProvedLogin) => Promise<void>;
