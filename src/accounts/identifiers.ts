import { domainToASCII } from "node:url";
import { BadUserInput } from "../errors.js";
import type { Login } from "./accounts.js";

/** The longest user name, in code points, as in Django. */
export const USERNAME_MAX_LENGTH = 150;
/** The longest e-mail address, in code points. @see RFC 5321 4.5.3.1.3 */
export const EMAIL_MAX_LENGTH = 254;

/** Cyrillic `а` looks like Latin `a`, so a name that mixes the scripts can imitate another name. */
const LATIN = /\p{Script=Latin}/u;
const LATIN_LOOKALIKES =
  /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}]/u;

/**
 * Returns the canonical form of a user name, such as `ada` for `Ada`.
 * @throws {@link BadUserInput} when the name is malformed or too long
 * @see RFC 8265 3.3
 */
export function canonicalUsername(username: string): string {
  requireText("username", username, USERNAME_MAX_LENGTH);
  // toLowerCase() alone would leave ß and ss different.
  return username.normalize("NFKC").toUpperCase().toLowerCase().normalize("NFKC");
}

/**
 * Returns the canonical form of a new user name.
 * @throws {@link BadUserInput} when the name is malformed or too long, or mixes scripts that look alike
 */
export function requireNewUsername(username: string): string {
  const canonical = canonicalUsername(username);
  if (!/^[\p{L}\p{M}\p{N}._@+-]+$/u.test(canonical)) {
    throw new BadUserInput("username may contain only letters, digits and . _ @ + -.");
  }
  if (LATIN.test(canonical) && LATIN_LOOKALIKES.test(canonical)) {
    throw new BadUserInput("username mixes letters of different scripts that look alike.");
  }
  return canonical;
}

/**
 * Returns the canonical form of an e-mail address, such as `ada@example.com` for `Ada@Example.com`.
 * @throws {@link BadUserInput} when the address is malformed or too long
 */
function canonicalEmail(email: string): string {
  requireText("email", email, EMAIL_MAX_LENGTH);
  const trimmed = email.trim().normalize("NFC");
  const at = trimmed.lastIndexOf("@");
  const domain = trimmed.slice(at + 1);
  // domainToASCII() decodes `%6d` to `m`, so two different addresses would become equal. For an invalid domain, it
  // returns "".
  const asciiDomain = domain.includes("%") ? "" : domainToASCII(domain);
  return `${trimmed.slice(0, at + 1).toLowerCase()}${asciiDomain || domain.toLowerCase()}`;
}

/**
 * Returns the canonical form of a new e-mail address.
 * @throws {@link BadUserInput} when the text is not exactly one well-formed address
 */
export function requireNewEmail(email: string): string {
  const canonical = canonicalEmail(email);
  if (email !== email.trim() || !/^[^\s@"(),:;<>[\]\\]+@[^\s@.]+(\.[^\s@.]+)*$/.test(canonical)) {
    throw new BadUserInput("email must be one address, such as ada@example.com.");
  }
  return canonical;
}

export interface Identifier {
  readonly field: "username" | "email";
  readonly canonical: string;
}

/** @throws {@link BadUserInput} when the login is malformed */
export function parseLogin(login: Login): Identifier {
  requireObject("login", login);
  if (!("username" in login || "email" in login)) {
    throw new BadUserInput("login must have a username or an email.");
  }
  return "username" in login
    ? { field: "username", canonical: canonicalUsername(login.username) }
    : { field: "email", canonical: canonicalEmail(login.email) };
}

export function requireObject(name: string, value: unknown): void {
  if (typeof value !== "object" || value === null) {
    throw new BadUserInput(`${name} must be an object.`);
  }
}

/**
 * Requires well-formed text without control characters.
 * @param maxLength in code points
 */
export function requireText(name: string, value: unknown, maxLength: number): void {
  if (typeof value !== "string") throw new BadUserInput(`${name} must be text.`);
  if (value === "") throw new BadUserInput(`${name} must not be empty.`);
  if (value.length > 2 * maxLength || Array.from(value).length > maxLength) {
    throw new BadUserInput(`${name} must have at most ${maxLength} characters.`);
  }
  if (!value.isWellFormed() || /\p{Cc}/u.test(value)) {
    throw new BadUserInput(`${name} must be well-formed text without control characters.`);
  }
}
