import { randomBytes } from "node:crypto";

/** The pattern of an id, for use in other regular expressions. */
export const ID_SHAPE = "[0-9a-f]{32}";

const ID = new RegExp(`^${ID_SHAPE}$`);

/** Returns 128 random bits in hex. */
export function newId(): string {
  return randomBytes(16).toString("hex");
}

export function isId(value: unknown): value is string {
  return typeof value === "string" && ID.test(value);
}
