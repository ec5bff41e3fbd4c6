import { domainToASCII } from "node:url";
import { BadUserInput } from "../errors.js";
import type { Login } from "./accounts.js";

/** In code points, as in Django. */
export const USERNAME_MAX_LENGTH = 150;
/** In characters. @see RFC 5321 4.5.3.1.3 */
export const EMAIL_MAX_LENGTH = 254;

/** Scripts whose letters look alike. A name that mixes them with Latin is not what it seems. */
const LATIN = /\p{Script=Latin}/u;
const LATIN_LOOKALIKES =
  /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}]/u;

/**
 * The form in which user names are compared: NFKC, and case-folded.
 * @throws {@link BadUserInput} when it is empty, too long, or not well-formed text.
 * @see RFC 8265 3.3
 */
export function canonicalUsername(username: string): string {
  requireText("username", username, USERNAME_MAX_LENGTH);
  // Upper-casing first folds what toLowerCase() alone keeps apart, such as ß and ss.
  return username.normalize("NFKC").toUpperCase().toLowerCase().normalize("NFKC");
}

/**
 * The canonical form of a user name that somebody wants to take.
 * @throws {@link BadUserInput} also when it holds a blank or could be mistaken for another name.
 */
export function requireNewUsername(username: string): string {
  const canonical = canonicalUsername(username);
  if (!/^[\p{L}\p{M}\p{N}._@+-]+$/u.test(canonical)) {
    throw new BadUserInput("username may hold letters, digits and . _ @ + - only.");
  }
  if (LATIN.test(canonical) && LATIN_LOOKALIKES.test(canonical)) {
    throw new BadUserInput("username mixes letters of scripts that look alike.");
  }
  return canonical;
}

/**
 * The form in which e-mail addresses are compared: trimmed, lower case, the domain in ASCII.
 * @throws {@link BadUserInput} when it is empty, too long, or not well-formed text.
 */
export function canonicalEmail(email: string): string {
  requireText("email", email, EMAIL_MAX_LENGTH);
  const trimmed = email.trim().normalize("NFC");
  const at = trimmed.lastIndexOf("@");
  const domain = trimmed.slice(at + 1);
  // As in a URL, %6d would be an m; here it is what it says.
  const asciiDomain = domain.includes("%") ? "" : domainToASCII(domain);
  return `${trimmed.slice(0, at + 1).toLowerCase()}${asciiDomain || domain.toLowerCase()}`;
}

/**
 * The canonical form of an e-mail address that somebody wants to take.
 * @throws {@link BadUserInput} also when it does not look like an address.
 */
export function requireNewEmail(email: string): string {
  const canonical = canonicalEmail(email);
  if (email !== email.trim() || !/^[^\s@"(),:;<>[\]\\]+@[^\s@.]+(\.[^\s@.]+)*$/.test(canonical)) {
    throw new BadUserInput("email must be one address, such as ada@example.com.");
  }
  return canonical;
}

/**
 * Returns the user name or e-mail address of a login in the form in which it is compared.
 * @throws {@link BadUserInput} when it is malformed
 */
export function canonicalLogin(login: Login): string {
  return "username" in login ? canonicalUsername(login.username) : canonicalEmail(login.email);
}

/**
 * Lets pass text that a database and a person can read.
 * @throws {@link BadUserInput} when it is empty, too long, or has control characters or half characters in it
 */
export function requireText(name: string, value: string, maxLength: number): void {
  if (value === "") throw new BadUserInput(`${name} must not be empty.`);
  if (value.length > 2 * maxLength || Array.from(value).length > maxLength) {
    throw new BadUserInput(`${name} must have at most ${maxLength} characters.`);
  }
  if (!value.isWellFormed() || /\p{Cc}/u.test(value)) {
    throw new BadUserInput(`${name} must be well-formed text without control characters.`);
  }
}
