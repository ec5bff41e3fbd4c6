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
   * Runs before the session is opened, and only if the password is right. Therefore a client with a wrong password does
   * not learn of a veto.
   * @throws {@link Vetoed} to refuse the login
   */
  beforeLogin?(user: HookUser, client: Client): Promise<void> | void;
  /** Runs before a refresh exchanges the token. @throws {@link Vetoed} to refuse the refresh */
  beforeRefresh?(user: HookUser, client: Client): Promise<void> | void;
}
