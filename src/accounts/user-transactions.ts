import type { AuthConfig } from "../config/auth-config.js";
import { AuthError, ServiceUnavailable } from "../errors.js";
import type { AuthEvent, Client } from "../events.js";
import type { RunStatement, TransactionalSql } from "../sql.js";
import { NoSuchUser } from "./errors.js";
import type { Role } from "./role.js";
import type { EndedSessions } from "./user-sessions.js";

/**
 * Stores the events of a change, in the same transaction as the change. If the promise rejects, the change is rolled
 * back.
 */
export type EventStore = (
  run: RunStatement,
  events: readonly AuthEvent[],
  client: Client,
) => Promise<void>;

export interface ChangeSettings extends Pick<
  AuthConfig,
  "loginFailureLimit" | "onEvent" | "roles"
> {
  readonly storeEvents: EventStore;
}

type Event = Extract<AuthEvent, { userId: string }>;

/** Adds the event of the change, if there is one, and the events of the sessions that the change ended. */
type Report = (event: Event | null, ended?: EndedSessions) => void;

export interface StoredUser {
  readonly username: string;
  readonly email: string | null;
  readonly isActive: boolean;
  readonly failedLogins: number;
  readonly role: Role;
}

/**
 * Changes users and stores the events of the changes. Transactions run one at a time. If they ran together, two admins
 * could remove each other, or two users could take names that look alike.
 */
export class UserTransactions {
  readonly #sql: TransactionalSql;
  readonly #settings: ChangeSettings;

  constructor(sql: TransactionalSql, settings: ChangeSettings) {
    this.#sql = sql;
    this.#settings = settings;
  }

  /** Runs a change and stores its events in one transaction. Calls `onEvent` after the commit. */
  async change<Result>(
    client: Client,
    use: (run: RunStatement, report: Report) => Promise<Result>,
  ): Promise<Result> {
    const { onEvent, storeEvents } = this.#settings;
    const events: AuthEvent[] = [];
    const result = await this.#sql.inTransaction(async (run) => {
      const changed = await use(run, (event, ended) => {
        if (event !== null) events.push(event);
        if (ended !== undefined) events.push(...ended.events);
      });
      await storeEvents(run, events, client);
      return changed;
    });
    for (const event of events) onEvent(event, client);
    return result;
  }

  /** @throws {@link NoSuchUser} */
  async read(run: RunStatement, id: string): Promise<StoredUser> {
    const [user] = await run<Omit<StoredUser, "isActive"> & { isActive: boolean | number }>(
      `SELECT username, email, is_active AS "isActive", failed_logins AS "failedLogins", COALESCE(role, ?) AS role
       FROM "user" LEFT JOIN profile ON user_id = id WHERE id = ?`,
      [this.#settings.roles.lowest, id],
    );
    if (user === undefined) throw new NoSuchUser();
    return { ...user, isActive: Boolean(user.isActive) };
  }
}

/**
 * Replaces a database error by an error that contains only the error code. The message of the database can contain
 * values of the statement, such as an e-mail address, which must not be logged.
 */
export function throwWithoutValues(error: unknown): never {
  if (error instanceof AuthError) throw error;
  const { code } = error as { code?: unknown };
  throw new ServiceUnavailable(1, new Error(`The user could not be stored: ${String(code)}`));
}
