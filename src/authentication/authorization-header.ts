import { TOKEN_MAX_LENGTH } from "../tokens/jwt.js";
import { BadAuthorizationHeader } from "./errors.js";

/** The credential in an `Authorization` header, not verified yet. */
export interface Credential {
  readonly scheme: "Token" | "Bearer";
  readonly token: string;
}

/** Matches the scheme `Token` or `Bearer`, and the rest of the line. Does not match `Tokens`. */
const SERVED_SCHEME = /^(token|bearer)(?![\w!#$%&'*+.^`|~-])(.*)/is;
/** Matches one or more spaces and a token68. @see RFC 9110 11.4 */
const TOKEN68 = /^ +([\w.~+/-]+=*)$/;

/**
 * Parses all `Authorization` lines of a request.
 * @returns null if there is no line, or if the scheme is neither `Token` nor `Bearer`
 * @throws {@link BadAuthorizationHeader} if there are several lines, or if the token is missing, malformed or too long
 */
export function parseAuthorization(values: readonly unknown[]): Credential | null {
  const [value = ""] = values;
  if (values.length > 1 || typeof value !== "string") throw new BadAuthorizationHeader();
  const match = SERVED_SCHEME.exec(value);
  if (match === null) return null;
  const [, scheme = "", rest = ""] = match;
  const token = TOKEN68.exec(rest)?.[1];
  if (token === undefined || token.length > TOKEN_MAX_LENGTH) throw new BadAuthorizationHeader();
  return { scheme: scheme.toLowerCase() === "token" ? "Token" : "Bearer", token };
}
