import type { Client } from "../events.js";

/** The user of an operation. */
interface HookUser {
  readonly id: string;
}

/**
 * The steps of an operation that features can hook into. Hooks run one after another, and the operation waits for
 * them. If a hook of an application's feature takes longer than 5 seconds, the operation is refused.
 */
export interface Hooks {
  /**
   * Runs after the password was found right, and before the session is opened. Therefore only a client with the right
   * password learns of a veto.
   * @throws {@link Vetoed} to refuse the login
   */
  beforeLogin?(user: HookUser, client: Client): Promise<void> | void;
  /** Runs before a refresh or sliding token is exchanged. @throws {@link Vetoed} to refuse the refresh */
  beforeRefresh?(user: HookUser, client: Client): Promise<void> | void;
}
