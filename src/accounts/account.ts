import type { Sql } from "../sql.js";
import type { Login } from "./accounts.js";
import { parseLogin } from "./identifiers.js";

/** The values of a user that decide whether a login succeeds. */
export interface Account {
  readonly id: string;
  readonly passwordHash: string | null;
  readonly credentialsVersion: number;
  /** SQLite returns booleans as numbers. */
  readonly isActive: boolean | number;
  /** The number of wrong passwords and second factors in a row. */
  readonly failedLogins: number;
}

const ACCOUNT = `
  SELECT id, password_hash AS "passwordHash", credentials_version AS "credentialsVersion", is_active AS "isActive",
    failed_logins AS "failedLogins"
  FROM "user"`;

/**
 * Returns the account with this user name or e-mail address. Returns null if no account matches, or if several do.
 * @throws {@link BadUserInput} when `login` is malformed, for example when the user name is empty
 */
export async function findAccount(sql: Sql, login: Login): Promise<Account | null> {
  const { field, canonical } = parseLogin(login);
  const [account, ...others] = await sql.read<Account>(`${ACCOUNT} WHERE ${field}_key = ?`, [
    canonical,
  ]);
  return account === undefined || others.length > 0 ? null : account;
}

export async function findAccountById(sql: Sql, id: string): Promise<Account | null> {
  const [account] = await sql.read<Account>(`${ACCOUNT} WHERE id = ?`, [id]);
  return account ?? null;
}
