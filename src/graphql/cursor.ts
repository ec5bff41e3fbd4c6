import { ID_SHAPE } from "../accounts/id.js";
import { BadUserInput } from "../errors.js";

const CURSOR = new RegExp(`^(\\d{1,15})\\.(${ID_SHAPE})$`);

/** The number of characters of a cursor that are decoded. Longer text is cut off. */
const MAX_LENGTH = 100;

/** The position of an item in a list that is sorted by `createdAt`, then by id. */
export interface Cursor {
  /** In epoch milliseconds. */
  readonly createdAt: number;
  readonly id: string;
}

/** Encodes a cursor as opaque text, as Relay requires. */
export function formatCursor({ createdAt, id }: Cursor): string {
  return Buffer.from(`${createdAt}.${id}`).toString("base64url");
}

/**
 * Decodes a text from {@link formatCursor}.
 * @returns null if no cursor is given
 * @throws {@link BadUserInput} when the text is not a cursor
 */
export function parseCursor(cursor: string | null | undefined): Cursor | null {
  if (cursor == null) return null;
  const text = Buffer.from(cursor.slice(0, MAX_LENGTH), "base64url").toString("latin1");
  const [, createdAt, id] = CURSOR.exec(text) ?? [];
  if (createdAt === undefined || id === undefined) {
    throw new BadUserInput("after must be a cursor of this list.");
  }
  return { createdAt: Number(createdAt), id };
}
