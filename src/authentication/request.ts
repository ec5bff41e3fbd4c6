import { isIP } from "node:net";

/** The part of a request that is read: Node's, Fastify's, Express's and the Fetch API's requests all have this shape. */
export interface RequestLike {
  readonly headers?: Headers | Readonly<Record<string, string | string[] | undefined>> | undefined;
  /** Node's flat list of names and values: the only place where a second `Authorization` line can be seen. */
  readonly rawHeaders?: readonly string[] | undefined;
  /** The client's address, where the framework knows the trusted proxies. */
  readonly ip?: string | undefined;
  /** The host that the client asked for, where the framework knows the trusted proxies. */
  readonly host?: string | undefined;
  /** The request's id in the log, where the framework gives it one. */
  readonly id?: unknown;
  readonly socket?: { readonly remoteAddress?: string | undefined } | undefined;
}

/** The client's IP address. Falls back to the socket's address when a trusted proxy names none, so that every request counts. */
export function readAddress(request: RequestLike): string | null {
  const known = [request.ip, request.socket?.remoteAddress];
  return known.find((address) => address !== undefined && isIP(address) !== 0) ?? null;
}

/** The values of all lines of one header. The name may be in any case, as it is in objects made by hand. */
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
