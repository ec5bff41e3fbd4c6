import type { Client } from "../events.js";

/** The user of an operation. The name and the address are missing if the operation has not read them. */
export interface HookUser {
  readonly id: string;
  readonly username?: string;
  readonly email?: string | null;
}

/** A user who does not exist yet. */
export type NewHookUser = Pick<Required<HookUser>, "username" | "email">;

/**
 * Functions of a feature that run during an operation. Hooks run one after another, and the operation waits for them.
 *
 * A `before…` hook can refuse the operation. If a `before…` hook of an application's feature takes longer than 5
 * seconds, the operation is refused.
 *
 * The hooks `after…` and `onUserDeleted` run after the change is stored, so they cannot refuse it. If such a hook
 * fails, or takes longer than 5 seconds in an application's feature, the process prints a warning.
 */
export interface Hooks {
  /**
   * Runs after the password was accepted. Does not run for a wrong password, so an attacker who guesses passwords never
   * sees the message of {@link Vetoed}.
   * @throws {@link Vetoed} to refuse the login
   */
  beforeLogin?(user: HookUser, client: Client): Promise<void> | void;
  /** Runs when the session is open. */
  afterLogin?(user: HookUser, client: Client): Promise<void> | void;
  /**
   * Runs before a refresh. The token may still turn out to be expired or revoked.
   * @throws {@link Vetoed} to refuse the refresh
   */
  beforeRefresh?(user: HookUser, client: Client): Promise<void> | void;
  /** Runs when the token is exchanged. */
  afterRefresh?(user: HookUser, client: Client): Promise<void> | void;
  /**
   * Runs before somebody who signs up is stored. Not called for a user that an administrator or a command creates.
   * @throws {@link Vetoed} to refuse the registration
   */
  beforeRegister?(user: NewHookUser, client: Client): Promise<void> | void;
  /** Runs after the user who signed up has been stored. */
  afterRegister?(user: HookUser, client: Client): Promise<void> | void;
  /**
   * Runs when the new password has been found strong enough, and before it is stored. Also called for a reset and for
   * `gatehouse set-password`. The hook does not get the password.
   * @throws {@link Vetoed} to refuse the new password
   */
  beforePasswordChange?(user: HookUser, client: Client): Promise<void> | void;
  /** Runs when the new password is stored. */
  afterPasswordChange?(user: HookUser, client: Client): Promise<void> | void;
  /** Runs when a user has been deleted. Delete your own data of the user here. */
  onUserDeleted?(user: HookUser, client: Client): Promise<void> | void;
}

/** The hooks that can refuse an operation. */
type Before = Extract<keyof Hooks, `before${string}`>;
type After = Exclude<keyof Hooks, Before>;
type UserOf<Name extends keyof Hooks> = Parameters<NonNullable<Hooks[Name]>>[0];

/** Runs the hooks of all features, in the order of the features. */
export class HookRunner {
  readonly #hooks: Hooks[] = [];
  readonly #onFault: (error: unknown) => void;

  /** @param onFault called with the error of a hook that runs after its operation, such as `afterLogin` */
  constructor(onFault: (error: unknown) => void) {
    this.#onFault = onFault;
  }

  add(hooks: readonly Hooks[]): void {
    this.#hooks.push(...hooks);
  }

  /** @throws the error of the first hook that fails; the hooks after it do not run */
  async before<Name extends Before>(name: Name, user: UserOf<Name>, client: Client): Promise<void> {
    for (const hooks of this.#hooks) await run(hooks, name, user, client);
  }

  /** Never throws: the operation has happened. */
  async after<Name extends After>(name: Name, user: UserOf<Name>, client: Client): Promise<void> {
    for (const hooks of this.#hooks) {
      try {
        await run(hooks, name, user, client);
      } catch (error) {
        this.#onFault(error);
      }
    }
  }
}

async function run<Name extends keyof Hooks>(
  hooks: Hooks,
  name: Name,
  user: UserOf<Name>,
  client: Client,
): Promise<void> {
  // Called as a method: a hook may use `this`.
  await hooks[name]?.(user as never, client);
}
