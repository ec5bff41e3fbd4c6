import type { CreatedRange } from "./conditions.js";
import type { Role } from "./role.js";
import type { User } from "./user.js";

/**
 * The users to list, and their order. Several fields are combined with AND. A field that is null or missing does not
 * filter. Instants are epoch milliseconds.
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
  /** A part of the user name or of the e-mail address, ignoring case. */
  readonly search?: string | null | undefined;
  readonly roles?: readonly Role[] | null | undefined;
  readonly isActive?: boolean | null | undefined;
  /** @default newest first */
  readonly orderBy?: UserOrder | null | undefined;
}

/** The order of a list of users. Users who never logged in count as those whose last login is the oldest. */
export interface UserOrder {
  readonly field: "createdAt" | "username" | "lastLoginAt";
  readonly direction: "ASC" | "DESC";
}

/** A place in a list of users with one {@link UserOrder}. */
export interface UserCursor {
  /** The value that the list is sorted by. */
  readonly value: string | number;
  readonly id: string;
}

/** One page of users. */
export interface UserPage {
  readonly users: readonly User[];
  /** The cursor of each user: `cursors[0]` belongs to `users[0]`. */
  readonly cursors: readonly UserCursor[];
  readonly hasNextPage: boolean;
}
