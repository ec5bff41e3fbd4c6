import type { AuthScheme, Client } from "../events.js";
import type { AuthMethod } from "../sessions/methods.js";

/** The user of an operation. `username` and `email` are missing if the operation has not read them. */
export interface HookUser {
  readonly id: string;
  readonly username?: string;
  readonly email?: string | null;
}

/** A user who is not stored yet. */
export type NewHookUser = Pick<Required<HookUser>, "username" | "email">;

/** A login whose session is not open yet. */
export interface LoginAttempt {
  /** How the user has proved who they are. */
  readonly methods: readonly AuthMethod[];
  readonly scheme: AuthScheme;
}

/**
 * Functions of a feature that run during an operation. They run one after another, and the operation waits for them.
 *
 * A `before…` hook can refuse the operation. If the hook belongs to an application's feature and takes longer than 5
 * seconds, the operation is refused, too.
 *
 * An `after…` hook and `onUserDeleted` run after the change was stored, so they cannot refuse it. If such a hook fails,
 * or if such a hook of an application's feature takes longer than 5 seconds, Gatehouse logs or prints a warning.
 */
export interface Hooks {
  /**
   * Runs after the password, or another proof, was accepted, so only the right user sees the message of a refusal. A
   * login with a second step runs the hook twice: after the first step, and after the second step.
   * @throws {@link Vetoed} to refuse the login
   */
  beforeLogin?(user: HookUser, client: Client, attempt: LoginAttempt): Promise<void> | void;
  /** Runs after the session was opened. */
  afterLogin?(user: HookUser, client: Client): Promise<void> | void;
  /**
   * Runs before a refresh. The server has not yet checked whether the token has expired or was revoked.
   * @throws {@link Vetoed} to refuse the refresh
   */
  beforeRefresh?(user: HookUser, client: Client): Promise<void> | void;
  /** Runs after the token was exchanged. */
  afterRefresh?(user: HookUser, client: Client): Promise<void> | void;
  /**
   * Runs before a user who signs up is stored. Does not run when an administrator or a command creates a user.
   * @throws {@link Vetoed} to refuse the registration
   */
  beforeRegister?(user: NewHookUser, client: Client): Promise<void> | void;
  /** Runs after a user who signed up was stored. */
  afterRegister?(user: HookUser, client: Client): Promise<void> | void;
  /**
   * Runs after the check that the new password is strong, and before the password is stored. Also runs for a reset and
   * for `gatehouse set-password`. The hook does not get the password.
   * @throws {@link Vetoed} to refuse the new password
   */
  beforePasswordChange?(user: HookUser, client: Client): Promise<void> | void;
  /** Runs after the new password was stored. */
  afterPasswordChange?(user: HookUser, client: Client): Promise<void> | void;
  /** Runs after a user was deleted. Use it to delete your own data about the user. */
  onUserDeleted?(user: HookUser, client: Client): Promise<void> | void;
}

type Before = Extract<keyof Hooks, `before${string}`>;
type After = Exclude<keyof Hooks, Before>;
type UserOf<Name extends keyof Hooks> = Parameters<NonNullable<Hooks[Name]>>[0];
/** The parameters of a hook after `user` and `client`. */
type MoreOf<Name extends keyof Hooks> =
  Parameters<NonNullable<Hooks[Name]>> extends [unknown, unknown, ...infer More] ? More : [];

/** Runs the hooks of all features, in the order of the features. */
export class HookRunner {
  readonly #hooks: Hooks[] = [];
  readonly #onFault: (error: unknown) => void;

  /** @param onFault called with the error of an `after…` hook or of `onUserDeleted` */
  constructor(onFault: (error: unknown) => void) {
    this.#onFault = onFault;
  }

  add(hooks: readonly Hooks[]): void {
    this.#hooks.push(...hooks);
  }

  /** @throws the error of the first hook that fails. The next hooks do not run */
  async before<Name extends Before>(
    name: Name,
    user: UserOf<Name>,
    client: Client,
    ...more: MoreOf<Name>
  ): Promise<void> {
    for (const hooks of this.#hooks) await run(hooks, name, user, client, ...more);
  }

  /** Never throws, because the change is already stored. */
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
  ...more: readonly unknown[]
): Promise<void> {
  // Call the hook as a method, because it may use `this`.
  await hooks[name]?.(user as never, client, ...(more as [never]));
}

/** Returns the user of an operation that has issued tokens. */
export function hookUserOf({
  principal: { id, username, email },
}: {
  readonly principal: Required<HookUser>;
}): Required<HookUser> {
  return { id, username, email };
}
