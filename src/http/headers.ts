import { isIP } from "node:net";
import type { FastifyRequest } from "fastify";

/** The largest length of each header, in characters. Browsers send about 150 characters as `Accept`. */
const MAX_LENGTHS = { accept: 1024, "content-type": 256 };
const TOO_LONG = `Accept must have at most ${MAX_LENGTHS.accept} characters, and Content-Type ${MAX_LENGTHS["content-type"]}.`;

/** The headers that must not be repeated, because Node uses the first value, but a proxy may use the last one. */
const SINGLE = ["content-type", "host"];

/** Matches a charset other than UTF-8, which JSON must not have. @see RFC 8259 8.1 */
const OTHER_CHARSET = /;\s*charset\s*=(?!\s*"?utf-8"?\s*(;|$))/i;

interface HeaderFault {
  readonly status: number;
  /** @default the usual message of the status */
  readonly message?: string;
}

/**
 * Returns why the headers of a request are refused, or null. Must run before a library parses the headers, because
 * parsing very long headers is slow.
 */
export function findHeaderFault({ headers, raw }: FastifyRequest): HeaderFault | null {
  const { accept = "", "content-type": type = "", "content-encoding": encoding } = headers;
  if (accept.length > MAX_LENGTHS.accept || type.length > MAX_LENGTHS["content-type"]) {
    return { status: 431, message: TOO_LONG };
  }
  if (hasRepeated(raw.rawHeaders)) {
    return { status: 400, message: "Content-Type and Host must not be sent more than once." };
  }
  const isEncoded = encoding !== undefined && encoding.toLowerCase() !== "identity";
  return isEncoded || OTHER_CHARSET.test(type) ? { status: 415 } : null;
}

function hasRepeated(rawHeaders: readonly string[]): boolean {
  const names = rawHeaders.filter((_text, index) => index % 2 === 0);
  const lowerCase = names.map((name) => name.toLowerCase());
  return SINGLE.some((name) => lowerCase.indexOf(name) !== lowerCase.lastIndexOf(name));
}

/**
 * Replaces quoted texts that contain a comma or a semicolon, such as `"a,b"`, because Apollo Server's parser takes
 * quadratic time for them. No content type that the server sends contains such a text.
 */
export function withoutQuotedLists(accept: string): string {
  return accept.replace(/"[^"]*"?/g, (text) => (/"[^",;]*"/.test(text) ? text : '"-"'));
}

/**
 * Returns the scheme of the URL that the client requested. A proxy may send anything as `X-Forwarded-Proto`, so an
 * unknown scheme counts as `http`.
 */
export function schemeOf({ protocol }: FastifyRequest): "http" | "https" {
  return protocol.toLowerCase() === "https" ? "https" : "http";
}

/**
 * Returns the client's IP address. If a proxy passes on a text that is not an IP address, returns the proxy's address.
 */
export function addressOf({ ip, socket }: FastifyRequest): string {
  return isIP(ip) === 0 ? (socket.remoteAddress ?? "") : ip;
}
