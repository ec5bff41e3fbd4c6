import { ID_SHAPE } from "../../accounts/id.js";
import type { UserCursor, UserOrder } from "../../accounts/user-query.js";
import { BadUserInput } from "../../errors.js";

export type OrderField = UserOrder["field"];

/** Matches a decoded cursor: the field that the list is sorted by, the user's id, and the user's value of the field. */
const CURSOR = new RegExp(String.raw`^(\w+)\.(${ID_SHAPE})\.(\P{Cc}+)$`, "u");

/** How many characters of a cursor are decoded at most. A cursor may contain a user name of 3 kB. */
const MAX_LENGTH = 8192;

/** Encodes a position in a list of users as the opaque text of a Relay cursor. */
export function formatUserCursor(field: OrderField, { value, id }: UserCursor): string {
  return Buffer.from(`${field}.${id}.${value}`).toString("base64url");
}

/**
 * Decodes a cursor of {@link formatUserCursor}.
 * @returns null if no cursor is given
 * @throws {@link BadUserInput} when the text is not a cursor, or belongs to a list that is sorted by another field
 */
export function parseUserCursor(
  field: OrderField,
  cursor: string | null | undefined,
): UserCursor | null {
  if (cursor == null) return null;
  const text = Buffer.from(cursor.slice(0, MAX_LENGTH), "base64url").toString();
  const [, sortedBy, id, value] = CURSOR.exec(text) ?? [];
  if (sortedBy !== field || id === undefined || value === undefined) {
    throw new BadUserInput("after must be a cursor of this list.");
  }
  return { value: field === "username" ? value : Number(value), id };
}
