import type { Client } from "../events.js";

/** The user of an operation. */
interface HookUser {
  readonly id: string;
}

/**
 * The steps of an operation that features can hook into. They run one after another, and the operation waits for them. One
 * of an application's features that takes longer than 5 seconds refuses the operation.
 */
export interface Hooks {
  /**
   * Runs when the password was right, before the session is opened.
   * @throws {@link Vetoed} to refuse the login, so that only a client with the right password learns of the veto
   */
  beforeLogin?(user: HookUser, client: Client): Promise<void> | void;
  /** Runs before a refresh token is exchanged. @throws {@link Vetoed} to refuse the refresh */
  beforeRefresh?(user: HookUser, client: Client): Promise<void> | void;
}
