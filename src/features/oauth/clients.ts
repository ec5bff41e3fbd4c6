import { isGuessable, SECRET_KEYS } from "../../config/secret-keys.js";
import { hashSecret, isSecretOf } from "../../tokens/secret-hash.js";

/** A service that may introspect and revoke tokens. */
export interface OAuthClient {
  readonly id: string;
  readonly secretHash: string;
}

/**
 * Matches an id, a colon and a secret. Allows only characters that percent-encoding does not change, because some
 * clients do not encode the id and the secret. @see RFC 6749 2.3.1
 */
const CLIENT = /^([\w.~-]{1,64}):([\w.~-]{32,255})$/;
const BASIC = /^basic +([a-z0-9+/]{1,1024}=*)$/i;

/** Returns whether a text is a client's id, a colon, and a random secret. */
export function isClient(text: string): boolean {
  const [, , secret = ""] = CLIENT.exec(text) ?? [];
  return SECRET_KEYS.safeParse(secret).success && !isGuessable(secret);
}

/** @param text a text that {@link isClient} accepts */
export function toClient(text: string): OAuthClient {
  const [, id = "", secret = ""] = CLIENT.exec(text) ?? [];
  return { id, secretHash: hashSecret(secret) };
}

/**
 * Returns the id of the client in an `Authorization` header of the scheme `Basic`. Returns null if the id or the secret
 * is wrong. Takes the same time for each wrong secret.
 * @see RFC 6749 2.3.1
 */
export function authenticateClient(
  clients: readonly OAuthClient[],
  authorization: string | null,
): string | null {
  const [, credentials = ""] = BASIC.exec(authorization ?? "") ?? [];
  const [id, ...rest] = Buffer.from(credentials, "base64").toString("utf8").split(":");
  const secret = decodeForm(rest.join(":"));
  const name = decodeForm(id ?? "");
  const found = clients.filter(({ secretHash }) => isSecretOf(secretHash, secret));
  return found.some((client) => client.id === name) ? name : null;
}

/** Decodes `application/x-www-form-urlencoded`. Returns a malformed text as it is. */
function decodeForm(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}
