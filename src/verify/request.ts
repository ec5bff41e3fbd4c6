import { badAuthorizationHeader } from "./refusal.js";

/** A request of Node, Express, Fastify or the Fetch API. */
export interface RequestLike {
  readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The headers as Node received them: names and values alternate. */
  readonly rawHeaders?: readonly string[] | undefined;
  /** Node's own request. Only a request of Fastify has this field. */
  readonly raw?: { readonly rawHeaders?: readonly string[] | undefined } | undefined;
}

/** Matches the scheme, one or more spaces, and a token68. @see RFC 9110 11.4 */
const BEARER = /^bearer +([\w.~+/-]+=*)$/i;

/**
 * Returns the Bearer token of a request. Returns null if there is no `Authorization` header, or if it has another
 * scheme.
 * @throws Refusal when the header is malformed, or sent twice
 */
export function readToken(request: RequestLike): string | null {
  const { headers, rawHeaders = request.raw?.rawHeaders ?? [] } = request;
  const value = isHeaders(headers) ? headers.get("authorization") : headers["authorization"];
  // Refuse two lines. Node keeps the first one, but another server may read the second one.
  const lines = rawHeaders.filter(
    (name, index) => index % 2 === 0 && name.toLowerCase() === "authorization",
  );
  if (value == null) return null;
  if (lines.length > 1 || typeof value !== "string") throw badAuthorizationHeader();
  if (!/^bearer(?![\w!#$%&'*+.^`|~-])/i.test(value)) return null;
  const token = BEARER.exec(value)?.[1];
  if (token === undefined) throw badAuthorizationHeader();
  return token;
}

function isHeaders(headers: RequestLike["headers"]): headers is Headers {
  return typeof headers.get === "function";
}
