import type { Client } from "../events.js";

interface HookUser {
  readonly id: string;
}

/**
 * Functions of a feature that run during a login or a refresh. Hooks run one after another, and the operation waits for
 * them. If a hook of an application's feature takes longer than 5 seconds, the operation is refused.
 */
export interface Hooks {
  /**
   * Runs after the password was accepted. So only a client that knows the password learns that a hook refuses the
   * login.
   * @throws {@link Vetoed} to refuse the login
   */
  beforeLogin?(user: HookUser, client: Client): Promise<void> | void;
  /**
   * Runs before a refresh. The token may still turn out to be expired or revoked.
   * @throws {@link Vetoed} to refuse the refresh
   */
  beforeRefresh?(user: HookUser, client: Client): Promise<void> | void;
}
