import { domainToASCII } from "node:url";
import { BadUserInput } from "../errors.js";
import type { Login } from "./accounts.js";

/** The longest user name, in code points. Django has this limit too. */
export const USERNAME_MAX_LENGTH = 150;
/** The longest e-mail address, in code points. @see RFC 5321 4.5.3.1.3 */
export const EMAIL_MAX_LENGTH = 254;
/** The longest id that a filter accepts, in characters. Every id of Gatehouse is shorter. */
export const ID_MAX_LENGTH = 64;
/** How many entries a list in a filter may have. */
const LIST_MAX_SIZE = 100;

/** Characters that are drawn as nothing, such as joiners, variation selectors and Hangul fillers. */
const INVISIBLE = /\p{Default_Ignorable_Code_Point}/u;

/**
 * Returns the canonical form of a user name, for comparison: NFKC and case-folded.
 * @throws {@link BadUserInput} as {@link requireText} does
 * @see RFC 8265 3.3
 */
export function canonicalUsername(username: string): string {
  requireText("username", username, USERNAME_MAX_LENGTH);
  return foldCase(username.normalize("NFKC"));
}

/** Returns the text in lower case, in the form NFKC. */
export function foldCase(text: string): string {
  // Converts to upper case first, because toLowerCase() alone would leave ß and ss different.
  return text.toUpperCase().toLowerCase().normalize("NFKC");
}

/**
 * Returns the canonical form of a new user name.
 * @throws {@link BadUserInput} when the name is empty, too long or not well-formed text, contains characters other than
 * letters, digits and `. _ @ + -`, contains invisible characters, starts with a combining mark, or ends in a dot
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
 * Returns the canonical form of an e-mail address, for comparison: trimmed, NFC, in lower case, and with the domain in
 * ASCII. A domain that cannot be converted to ASCII is only put in lower case.
 * @throws {@link BadUserInput} as {@link requireText} does
 */
export function canonicalEmail(email: string): string {
  requireText("email", email, EMAIL_MAX_LENGTH);
  const trimmed = email.trim().normalize("NFC");
  const at = trimmed.lastIndexOf("@");
  const domain = trimmed.slice(at + 1);
  // A domain with a % is not converted. domainToASCII() would decode %6d to m, so different addresses would count as
  // equal. For an invalid domain, domainToASCII() returns "".
  const asciiDomain = domain.includes("%") ? "" : domainToASCII(domain);
  return `${trimmed.slice(0, at + 1).toLowerCase()}${asciiDomain || domain.toLowerCase()}`;
}

/**
 * Returns the canonical form of a new e-mail address.
 * @throws {@link BadUserInput} when the text is empty, too long, or not exactly one well-formed address, or when an
 * invisible character comes before the `@`
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

/** The user name or e-mail address of a login. */
export interface Identifier {
  readonly field: "username" | "email";
  /** The canonical form, for comparison. */
  readonly canonical: string;
}

/**
 * Parses a login.
 * @throws {@link BadUserInput} when the login is malformed
 */
export function parseLogin(login: Login): Identifier {
  requireObject("login", login);
  if (!("username" in login || "email" in login)) {
    throw new BadUserInput("login must have a username or an email.");
  }
  return "username" in login
    ? { field: "username", canonical: canonicalUsername(login.username) }
    : { field: "email", canonical: canonicalEmail(login.email) };
}

/**
 * Requires that an argument is an object.
 * @param name the name of the argument, for the message
 * @throws {@link BadUserInput}
 */
export function requireObject(name: string, value: unknown): void {
  if (typeof value !== "object" || value === null) {
    throw new BadUserInput(`${name} must be an object.`);
  }
}

/**
 * Requires text that every database can store and a person can read.
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
 * Requires a list of at most 100 texts, for a filter.
 * @throws {@link BadUserInput}
 */
export function requireTexts(name: string, value: unknown, maxLength: number): void {
  if (!Array.isArray(value)) throw new BadUserInput(`${name} must be a list.`);
  if (value.length > LIST_MAX_SIZE) {
    throw new BadUserInput(`A list may have at most ${LIST_MAX_SIZE} entries.`);
  }
  for (const text of value) requireText(name, text, maxLength);
}
