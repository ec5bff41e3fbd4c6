import { createHash } from "node:crypto";

/** A UUID. Some databases store it without hyphens or in capitals, but a token has it in lower case with hyphens. */
const UUID = /^([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})$/i;

/** Returns a primary key of Django as text, in the form that tokens of simplejwt contain. */
function canonicalDjangoId(key: string | number): string {
  return String(key).replace(UUID, (_, ...parts: string[]) =>
    parts.slice(0, 5).join("-").toLowerCase(),
  );
}

/**
 * Returns the id in Gatehouse for a user's primary key in Django. The same key always gives the same id, so a simplejwt
 * token leads to its user without a query. Django can compute the id, too: see docs/django.md.
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
