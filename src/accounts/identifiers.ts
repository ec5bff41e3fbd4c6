import { domainToASCII } from "node:url";
import { BadUserInput } from "../errors.js";
import type { Login } from "./accounts.js";

/** The longest user name, in code points. Django has the same limit. */
export const USERNAME_MAX_LENGTH = 150;
/** The longest e-mail address, in code points. @see RFC 5321 4.5.3.1.3 */
export const EMAIL_MAX_LENGTH = 254;
/** The longest id that a filter accepts, in characters. All ids of Gatehouse are shorter. */
export const ID_MAX_LENGTH = 64;
const LIST_MAX_SIZE = 100;

/** Matches characters with a meaning in URLs. No domain has them. */
const URL_CHARACTERS = /[%/?#\\]/;

/** Matches invisible characters, such as joiners, variation selectors and Hangul fillers. */
const INVISIBLE = /\p{Default_Ignorable_Code_Point}/u;

/**
 * Returns the canonical form of a user name, for comparison: NFKC and case-folded.
 * @throws {@link BadUserInput} when the name is not text, is empty, is too long, or holds control characters or lone
 * surrogates
 * @see RFC 8265 3.3
 */
export function canonicalUsername(username: string): string {
  requireText("username", username, USERNAME_MAX_LENGTH);
  return foldCase(username.normalize("NFKC"));
}

/** Returns the text in lower case and in the form NFKC. */
export function foldCase(text: string): string {
  // First convert to upper case, because this turns ß into SS. Otherwise ß and ss would stay different.
  return text.toUpperCase().toLowerCase().normalize("NFKC");
}

/**
 * Returns the canonical form of a new user name.
 * @throws {@link BadUserInput} in these cases:
 * - The name is not text, is empty, or is too long.
 * - The name starts with a combining mark, or ends in a dot.
 * - The name contains invisible characters, or characters other than letters, combining marks, digits and `. _ @ + -`.
 */
export function requireNewUsername(username: string): string {
  const canonical = canonicalUsername(username);
  if (INVISIBLE.test(username) || !/^[\p{L}\p{M}\p{N}._@+-]+$/u.test(canonical)) {
    throw new BadUserInput("username may contain only letters, digits and . _ @ + -.");
  }
  if (/^\p{M}/u.test(canonical)) {
    throw new BadUserInput("username must not start with a combining mark.");
  }
  if (canonical.endsWith(".")) throw new BadUserInput("username must not end in a dot.");
  return canonical;
}

/**
 * Returns the canonical form of an e-mail address, for comparison: trimmed, NFC, in lower case, with the domain in
 * ASCII. A domain that has no ASCII form is only put in lower case.
 * @throws {@link BadUserInput} when the address is not text, is empty, is too long, or holds control characters or lone
 * surrogates
 */
export function canonicalEmail(email: string): string {
  requireText("email", email, EMAIL_MAX_LENGTH);
  const trimmed = email.trim().normalize("NFC");
  const at = trimmed.lastIndexOf("@");
  const domain = trimmed.slice(at + 1);
  // domainToASCII() decodes %6d to m, and drops a slash with all that follows, and so makes different addresses equal.
  // Domains with such characters are therefore not converted. For an invalid domain, domainToASCII() returns "".
  const asciiDomain = URL_CHARACTERS.test(domain) ? "" : domainToASCII(domain);
  return `${trimmed.slice(0, at + 1).toLowerCase()}${asciiDomain || domain.toLowerCase()}`;
}

/**
 * Returns the canonical form of a new e-mail address.
 * @throws {@link BadUserInput} when the text is empty or too long, is not exactly one well-formed address, or has an
 * invisible character before the `@`
 */
export function requireNewEmail(email: string): string {
  const canonical = canonicalEmail(email);
  if (INVISIBLE.test(email.slice(0, email.lastIndexOf("@")))) {
    throw new BadUserInput("email must not contain invisible characters.");
  }
  if (email !== email.trim() || !/^[^\s@"(),:;<>[\]\\]+@[^\s@.]+(\.[^\s@.]+)*$/.test(canonical)) {
    throw new BadUserInput("email must be one address, such as ada@example.com.");
  }
  return canonical;
}

export interface Identifier {
  readonly field: "username" | "email";
  /** The canonical form, for comparison. */
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

/** Returns the user name or e-mail address as it was entered. */
export function enteredName(login: Login): string {
  return "username" in login ? login.username : login.email;
}

/**
 * @param name the name of the argument, for the message
 * @throws {@link BadUserInput} when the value is not an object
 */
export function requireObject(name: string, value: unknown): void {
  if (typeof value !== "object" || value === null) {
    throw new BadUserInput(`${name} must be an object.`);
  }
}

/**
 * Requires text that every database can store.
 * @param name the name of the argument, for the message
 * @param maxLength in code points
 * @throws {@link BadUserInput} when the value is not text, is empty, is too long, or holds control characters or lone
 * surrogates
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

/**
 * Requires a list of at most {@link LIST_MAX_SIZE} texts.
 * @throws {@link BadUserInput}
 */
export function requireTexts(name: string, value: unknown, maxLength: number): void {
  if (!Array.isArray(value)) throw new BadUserInput(`${name} must be a list.`);
  if (value.length > LIST_MAX_SIZE) {
    throw new BadUserInput(`A list may have at most ${LIST_MAX_SIZE} entries.`);
  }
  for (const text of value) requireText(name, text, maxLength);
}
