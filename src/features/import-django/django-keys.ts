import type { StaticTokenParts } from "../../tokens/static-token.js";
import { keySessionIdOf } from "./identity.js";

/** A key of `rest_framework.authtoken`: 160 random bits in hex. */
const KEY = /^[0-9a-f]{40}$/;

/** Returns the parts of a key of `rest_framework.authtoken`, or null for any other text. */
export function parseKey(token: string): StaticTokenParts | null {
  return KEY.test(token) ? { sessionId: keySessionIdOf(token), secret: token } : null;
}
