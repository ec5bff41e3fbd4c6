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

/** Returns the values of all lines of one header. Its name may be in any case, because objects made by hand vary. */
export function readHeader(request: RequestLike, name: string): readonly string[] {
  const { headers, rawHeaders = [] } = request;
  const value = isHeaders(headers) ? headers.get(name) : findHeader(headers ?? {}, name);
  const values = value == null ? [] : [value].flat();
  const lines = rawHeaders.filter((key, index) => index % 2 === 0 && key.toLowerCase() === name);
  return lines.length > 1 ? [...values, ...values] : values;
}

function isHeaders(headers: RequestLike["headers"]): headers is Headers {
  return typeof headers?.get === "function";
}

function findHeader(headers: Exclude<RequestLike["headers"], Headers | undefined>, name: string) {
  return headers[name] ?? Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
}
