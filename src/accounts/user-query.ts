import type { CreatedRange } from "./conditions.js";
import type { Role } from "./role.js";
import type { User } from "./user.js";

/**
 * A filter for users, and their order. A user must match all fields. A null or missing field does not filter. Instants
 * are epoch milliseconds.
 */
export interface UserQuery extends CreatedRange {
  /** The user name, ignoring case. */
  readonly usernameIexact?: string | null | undefined;
  /** A part of the user name, ignoring case. */
  readonly usernameIcontains?: string | null | undefined;
  /** The e-mail address, ignoring case. */
  readonly emailIexact?: string | null | undefined;
  /** A part of the e-mail address, ignoring case. */
  readonly emailIcontains?: string | null | undefined;
  /** A part of the user name or e-mail address, ignoring case. */
  readonly search?: string | null | undefined;
  readonly roles?: readonly Role[] | null | undefined;
  readonly isActive?: boolean | null | undefined;
  /** @default newest first */
  readonly orderBy?: UserOrder | null | undefined;
}

/** The order of a list of users. A user who never logged in counts as having the oldest last login. */
export interface UserOrder {
  readonly field: "createdAt" | "username" | "lastLoginAt";
  readonly direction: "ASC" | "DESC";
}

/** The position of a user in a list that is sorted by one {@link UserOrder}. */
export interface UserCursor {
  /** The value that the user is sorted by. For a user name it is the canonical form, and 0 for no last login. */
  readonly value: string | number;
  readonly id: string;
}

export interface UserPage {
  readonly users: readonly User[];
  /** The cursors of the users, in the same order as `users`. */
  readonly cursors: readonly UserCursor[];
  readonly hasNextPage: boolean;
}
