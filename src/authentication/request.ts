import { isIP } from "node:net";

/** The part of a request that we read. Requests of Node, Fastify, Express and the Fetch API have this shape. */
export interface RequestLike {
  readonly headers?: Headers | Readonly<Record<string, string | string[] | undefined>> | undefined;
  /** Node's flat list of names and values: the only place that shows a second `Authorization` line. */
  readonly rawHeaders?: readonly string[] | undefined;
  /** The client's address, if the framework knows the trusted proxies. */
  readonly ip?: string | undefined;
  /** The host that the client requested, if the framework knows the trusted proxies. */
  readonly host?: string | undefined;
  /** The request's id in the log, if the framework sets one. */
  readonly id?: unknown;
  readonly socket?: { readonly remoteAddress?: string | undefined } | undefined;
}

/**
 * Returns the client's IP address. Falls back to the socket's address when a proxy sends none, so that rate limits
 * still apply.
 */
export function readAddress(request: RequestLike): string | null {
  const known = [request.ip, request.socket?.remoteAddress];
  return known.find((address) => address !== undefined && isIP(address) !== 0) ?? null;
}

/**
 * Returns the value of a header, the first one if a framework lists several, or null.
 * @param name in lower case
 */
export function readHeader(request: RequestLike, name: string): string | null {
  const value = findHeader(request, name);
  return (typeof value === "object" ? value?.[0] : value) ?? null;
}

/** Returns the values of all `Authorization` lines: a value for each line, even where Node has dropped the others. */
export function readAuthorization(request: RequestLike): readonly string[] {
  const value = findHeader(request, "authorization");
  if (value == null) return [];
  const values = typeof value === "string" ? [value] : value;
  return isRepeated(request.rawHeaders, "authorization") ? [...values, ...values] : values;
}

/** Looks a header up by its name in lower case, which is how Node has it. Objects made by hand may have another case. */
function findHeader({ headers, rawHeaders }: RequestLike, name: string) {
  if (isHeaders(headers)) return headers.get(name);
  if (headers === undefined) return undefined;
  const value = headers[name];
  if (value !== undefined || rawHeaders !== undefined) return value;
  return Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
}

/** Whether a request has more than one line of a header. Compares lengths first, because this runs for every request. */
function isRepeated(rawHeaders: readonly string[] = [], name: string): boolean {
  let lines = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const key = rawHeaders[index];
    if (key?.length === name.length && key.toLowerCase() === name) lines += 1;
  }
  return lines > 1;
}

function isHeaders(headers: RequestLike["headers"]): headers is Headers {
  return typeof headers?.get === "function";
}
