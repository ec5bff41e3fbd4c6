import { z } from "zod";
import { isLoopback } from "../../config/server-config.js";
import { parseList } from "../../config/variable-text.js";

/** An OpenID Connect provider, and this server's registration there. */
export interface OidcClient {
  /** The issuer's URL, from which the provider's metadata is discovered. */
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

export interface GithubClient {
  /** The origin of a GitHub Enterprise Server. @default github.com */
  readonly url?: string | undefined;
  readonly clientId: string;
  readonly clientSecret: string;
}

const NAME = /^[a-z][a-z0-9-]{0,31}$/;

const CLIENT = z.strictObject({
  issuer: z.string().refine(isIssuer),
  clientId: z.string().regex(/^[^\0]{1,255}$/),
  clientSecret: z.string().regex(/^[^\0]{1,4096}$/),
});

/** Accepts an object whose keys are the names of providers. */
export const CLIENTS = z.record(z.string().regex(NAME), CLIENT);

export const CLIENTS_RULE = {
  option:
    "an object of { issuer, clientId, clientSecret } by names such as corp, with an https:// issuer, or http:// on loopback",
  variable:
    "NAME=https://CLIENT_ID:CLIENT_SECRET@ISSUER such as corp=https://gatehouse:s3cret@login.example.com, or with http:// on loopback, separated by commas",
};

/**
 * Parses entries such as `corp=https://gatehouse:s3cret@login.example.com`, separated by commas. Returns null if an
 * entry is malformed, or a name occurs twice.
 */
export function parseClients(text: string): Record<string, OidcClient> | null {
  const clients = parseList(text).map(parseClient);
  const found = clients.filter((client) => client !== null);
  const byName = Object.fromEntries(found);
  return Object.keys(byName).length === clients.length ? byName : null;
}

function parseClient(text: string): readonly [name: string, client: OidcClient] | null {
  const [, name = "", url = ""] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  if (!URL.canParse(url)) return null;
  const issuer = new URL(url);
  try {
    const clientId = decodeURIComponent(issuer.username);
    const clientSecret = decodeURIComponent(issuer.password);
    issuer.username = issuer.password = "";
    return [name, { issuer: issuer.href, clientId, clientSecret }];
  } catch {
    // The text has a `%` that does not begin an encoded character.
    return null;
  }
}

function isIssuer(text: string): boolean {
  if (!isSafeUrl(text)) return false;
  const { search, hash, username, password } = new URL(text);
  return `${search}${hash}${username}${password}` === "" && !/[?#]/.test(text);
}

/** Returns whether a text is an HTTPS origin such as `https://github.example.com`, or an HTTP origin on loopback. */
export function isSafeOrigin(text: string): boolean {
  return isSafeUrl(text) && new URL(text).origin === text;
}

/** Plain HTTP is allowed only on loopback, because elsewhere others could read the requests. */
function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text) || /\s/.test(text)) return false;
  const { protocol, hostname } = new URL(text);
  const isLocal = isLoopback(hostname.replace(/^\[(.*)\]$/, "$1"));
  return protocol === "https:" || (protocol === "http:" && isLocal);
}
