import { isIP } from "node:net";
import { findMeant } from "../config/misspelling.js";
import type { Client } from "../events.js";
import { parseTraceparent } from "./trace-context.js";

/** The part of a request that Gatehouse reads. Requests of Node, Fastify, Express and the Fetch API have this shape. */
export interface RequestLike {
  /** The headers, or the `connectionParams` of a WebSocket client. The values can be of any type. */
  readonly headers: Headers | Readonly<Record<string, unknown>>;
  /** Node's flat list of header names and values. Only this list contains a second `Authorization` line. */
  readonly rawHeaders?: readonly string[] | undefined;
  /** The client's IP address, from the framework. */
  readonly ip?: string | undefined;
  /** The host that the client requested, from the framework. */
  readonly host?: string | undefined;
  /** The scheme of the requested URL, such as `https`, from the framework. */
  readonly protocol?: string | undefined;
  /** The path with the query. In the Fetch API, the whole URL. */
  readonly url?: string | undefined;
  /** The request's id in the log. */
  readonly id?: unknown;
  readonly socket?:
    { readonly remoteAddress?: string | undefined; readonly encrypted?: unknown } | undefined;
}

export interface ContextOptions {
  /**
   * The client's IP address, for rate limits and the audit trail. Needed if the request has no address, as in the Fetch
   * API. Text that is not an address is ignored. @default the address of the request
   */
  readonly ipAddress?: string | null | undefined;
}

const CONTEXT_OPTIONS = ["ipAddress"];

/** @throws TypeError when `request` has no `headers` */
export function requireRequest(request: unknown): asserts request is RequestLike {
  const { headers } = (request ?? {}) as Partial<RequestLike>;
  if (typeof headers === "object" && (headers as unknown) !== null && !Array.isArray(headers))
    return;
  throw new TypeError(
    "createContext: request must be a request of Node or of the Fetch API, which has headers; " +
      "from a framework's context pass the request itself: createContext(context.req)",
  );
}

/** @throws TypeError when `options` is not an object, or when an option is unknown or of the wrong type */
export function requireContextOptions(options: unknown): asserts options is ContextOptions {
  if (typeof options !== "object" || options === null) {
    throw new TypeError("createContext: options must be an object such as { ipAddress }");
  }
  const unknown = Object.keys(options).find((name) => !CONTEXT_OPTIONS.includes(name));
  if (unknown !== undefined) {
    const meant = findMeant(unknown, CONTEXT_OPTIONS) ?? "ipAddress";
    throw new TypeError(`createContext: ${unknown} is not an option; did you mean ${meant}?`);
  }
  const { ipAddress } = options as { ipAddress?: unknown };
  if (ipAddress != null && typeof ipAddress !== "string") {
    throw new TypeError("createContext: ipAddress must be text such as 192.0.2.1");
  }
}

/**
 * Returns the client's IP address, or null. Prefers an address from the application or the framework, because the
 * socket's address may be a proxy's.
 * @param given the address that the application passes
 */
function readAddress(request: RequestLike, given: string | null = null): string | null {
  const known = [given, request.ip, request.socket?.remoteAddress];
  return known.find((address) => isAddress(address)) ?? null;
}

function isAddress(text: string | null | undefined): text is string {
  return isIP(text ?? "") !== 0;
}

/** Returns the client that sent a request. @param ipAddress used instead of the request's own address, if valid */
export function readClient(request: RequestLike, ipAddress: string | null = null): Client {
  const traceId = parseTraceparent(readHeader(request, "traceparent"));
  return {
    ipAddress: readAddress(request, ipAddress),
    userAgent: readHeader(request, "user-agent"),
    requestId: typeof request.id === "string" ? request.id : null,
    ...(traceId !== null && { traceId }),
  };
}

/**
 * Returns the value of a header, or null. If the value is an array, returns its first item.
 * @param name in lower case
 */
export function readHeader(request: RequestLike, name: string): string | null {
  const value = findHeader(request, name);
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === "string" ? first : null;
}

/**
 * Returns the origin that the client requested, such as `https://example.com:8443`. Returns null without a valid host.
 */
export function readOwnOrigin(request: RequestLike): string | null {
  const { url = "", socket } = request;
  const whole = URL.canParse(url) ? new URL(url) : null;
  const usual = socket?.encrypted === true ? "https" : "http";
  // An unknown scheme counts as http, because a proxy may send any text. For an unknown scheme, `URL` would return the
  // origin "null", which sandboxed pages also send. Such pages would then count as pages of this server.
  const isSecure = /^https:?$/i.test(request.protocol ?? whole?.protocol ?? usual);
  const host = request.host ?? readHeader(request, "host") ?? whole?.host ?? "";
  const origin = `${isSecure ? "https" : "http"}://${host}`;
  return URL.canParse(origin) ? new URL(origin).origin : null;
}

/**
 * Returns the values of the `Authorization` lines. If there are several lines, Node's `headers` has only the first
 * value. The result then has this value twice, so that the caller refuses the request.
 */
export function readAuthorization(request: RequestLike): readonly unknown[] {
  const value = findHeader(request, "authorization");
  if (value == null) return [];
  const values = [value].flat();
  return isRepeated(request.rawHeaders, "authorization") ? [...values, ...values] : values;
}

/**
 * Finds the value of a header. Ignores the case of the header's name, except in Node's headers, whose names are always
 * in lower case.
 */
function findHeader({ headers, rawHeaders }: RequestLike, name: string): unknown {
  if (isHeaders(headers)) return headers.get(name);
  const value = headers[name];
  if (value !== undefined || rawHeaders !== undefined) return value;
  return Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
}

/**
 * Returns whether a header has several lines. Compares lengths first to be fast, because every request calls this
 * function.
 */
function isRepeated(rawHeaders: readonly string[] = [], name: string): boolean {
  const lines = rawHeaders.filter(
    (text, index) => index % 2 === 0 && text.length === name.length && text.toLowerCase() === name,
  );
  return lines.length > 1;
}

function isHeaders(headers: RequestLike["headers"]): headers is Headers {
  return typeof headers.get === "function";
}
