import { createHash } from "node:crypto";

/** Some databases store a UUID without hyphens, but a token always has them. */
const UUID = /^([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})$/i;

/** Returns a primary key of Django as text, in the form that tokens have. */
function canonicalDjangoId(key: string | number): string {
  return String(key).replace(UUID, "$1-$2-$3-$4-$5").toLowerCase();
}

/**
 * Returns the id of the user whom Django knows by `djangoId`, the user's primary key there. The same key always gives
 * the same id, so a simplejwt token leads to its user without a look-up. Django computes it too: see docs/django.md.
 */
export function userIdOf(djangoId: string | number): string {
  return idFrom(`django user ${canonicalDjangoId(djangoId)}`);
}

/** Returns the id of the session for a key of `rest_framework.authtoken`. The id does not reveal the key. */
export function keySessionIdOf(key: string): string {
  return idFrom(`django key ${key}`);
}

/** Returns the id of the session for a token of simplejwt. @param jti the token's claim `jti` */
export function jwtSessionIdOf(jti: string): string {
  return idFrom(`django jwt ${jti}`);
}

/** Returns an id of 128 bits, in hex. */
function idFrom(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}
