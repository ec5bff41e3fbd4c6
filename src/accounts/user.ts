import type { Role } from "./role.js";

/** A user as stored in the database. Instants are epoch milliseconds. */
export interface User {
  readonly id: string;
  readonly username: string;
  readonly email: string | null;
  readonly role: Role;
  readonly isActive: boolean;
  readonly createdAt: number;
  readonly lastLoginAt: number | null;
}
