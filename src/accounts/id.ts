import { randomBytes } from "node:crypto";

/** A part of a regular expression. It matches an id, which is 128 bits in hex. */
export const ID_SHAPE = "[0-9a-f]{32}";

const ID = new RegExp(`^${ID_SHAPE}$`);

/** Returns a new id, for a user, a session or a token: 128 random bits in hex. */
export function newId(): string {
  return randomBytes(16).toString("hex");
}

/** Returns whether a value has the shape of an id. */
export function isId(value: unknown): value is string {
  return typeof value === "string" && ID.test(value);
}
