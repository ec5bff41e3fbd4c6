/** The options of `createVerifier`. Durations are seconds. */
export interface VerifierOptions {
  /** The `iss` of the tokens: Gatehouse's `PUBLIC_URL`, unless `JWT_ISSUER` is set. */
  readonly issuer: string;
  /** The `aud` of the tokens: Gatehouse's `JWT_AUDIENCE`, which is `gatehouse` by default. */
  readonly audience: string;
  /** The URL of the public keys. @default `/.well-known/jwks.json` at the issuer, which must then be a URL */
  readonly jwksUrl?: string | URL;
  /** How to ask Gatehouse whether the token was revoked, and which role the user has. @default off */
  readonly introspection?: IntrospectionOptions;
  /** The accepted difference between the clocks. @default 5 */
  readonly leeway?: number;
  /** How long to wait for a response of Gatehouse. @default 5 */
  readonly timeout?: number;
  /**
   * How long the loaded keys are used before they are loaded again. A revoked key is accepted until then. If
   * Gatehouse cannot be reached, the loaded keys are used for at most an hour.
   * @default 300
   */
  readonly cacheLifetime?: number;
  /** How long to wait before the keys are loaded again if a key is unknown or a request has failed. @default 10 */
  readonly cooldown?: number;
  /** Called with one line of text if Gatehouse gives no answer, or a wrong one. @default console.error */
  readonly log?: (line: string) => void;
}

/** How to introspect tokens. Gatehouse needs the setting `OAUTH=on`. @see RFC 7662 */
export interface IntrospectionOptions {
  /** @default `/oauth/introspect` at the issuer, which must then be a URL */
  readonly url?: string | URL;
  /** The id and the secret of this service, as listed in Gatehouse's `OAUTH_CLIENTS`. */
  readonly clientId: string;
  readonly clientSecret: string;
  /** How many seconds an answer is reused. A revocation takes effect at most that much later. @default 0 */
  readonly cache?: number;
}

export interface ResolvedOptions extends Required<
  Omit<VerifierOptions, "jwksUrl" | "introspection">
> {
  readonly jwksUrl: URL;
  readonly introspection: (Required<IntrospectionOptions> & { readonly url: URL }) | null;
}

/**
 * Checks the options, and fills in the defaults.
 * @throws TypeError that names the wrong option
 */
export function resolveOptions(options: VerifierOptions): ResolvedOptions {
  const {
    issuer,
    audience,
    jwksUrl,
    introspection,
    leeway,
    timeout,
    cacheLifetime,
    cooldown,
    log,
  } = readKnown(options, "", [
    ...["issuer", "audience", "jwksUrl", "introspection", "leeway", "timeout"],
    ...["cacheLifetime", "cooldown", "log"],
  ]);
  requireText(issuer, "issuer");
  requireText(audience, "audience");
  if (log !== undefined && typeof log !== "function")
    throw new TypeError("log must be a function.");
  return {
    issuer,
    audience,
    jwksUrl: toUrl(jwksUrl, "/.well-known/jwks.json", issuer, "jwksUrl"),
    introspection: introspection === undefined ? null : resolveIntrospection(introspection, issuer),
    leeway: toSeconds(leeway, 5, [0, 60], "leeway"),
    timeout: toSeconds(timeout, 5, [1, 60], "timeout"),
    cacheLifetime: toSeconds(cacheLifetime, 300, [1, 3600], "cacheLifetime"),
    cooldown: toSeconds(cooldown, 10, [1, 3600], "cooldown"),
    log:
      log ??
      ((line) => {
        console.error(line);
      }),
  };
}

function resolveIntrospection(options: IntrospectionOptions, issuer: string) {
  const names = ["url", "clientId", "clientSecret", "cache"];
  const { url, clientId, clientSecret, cache } = readKnown(options, "introspection.", names);
  requireText(clientId, "introspection.clientId");
  requireText(clientSecret, "introspection.clientSecret");
  return {
    url: toUrl(url, "/oauth/introspect", issuer, "introspection.url"),
    clientId,
    clientSecret,
    cache: toSeconds(cache, 0, [0, 300], "introspection.cache"),
  };
}

/** Refuses unknown options. If a misspelt option were ignored, a check might be missing. */
export function readKnown<Options extends object>(
  options: Options | undefined,
  path: string,
  known: readonly string[],
): Partial<Options> {
  // Use `Object()`, because a JavaScript program may pass any value, even undefined.
  const given = Object(options) as Options;
  for (const name of Object.keys(given)) {
    if (!known.includes(name)) throw new TypeError(`${path}${name} is not an option.`);
  }
  return given;
}

function requireText(value: unknown, name: string): asserts value is string {
  if (typeof value !== "string" || value === "") throw new TypeError(`${name} must be a text.`);
}

function toUrl(given: string | URL | undefined, path: string, issuer: string, name: string): URL {
  const url = given ?? (URL.canParse(issuer) ? new URL(path, issuer) : undefined);
  if (url === undefined) throw new TypeError(`${name} is required, because issuer is not a URL.`);
  const text = String(url);
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new TypeError(`${name} must be a URL such as https://auth.example.com${path}.`);
  }
  return new URL(text);
}

function toSeconds(
  given: number | undefined,
  usual: number,
  [from, to]: readonly [number, number],
  name: string,
): number {
  const seconds: unknown = given ?? usual;
  if (typeof seconds === "number" && seconds >= from && seconds <= to) return seconds;
  throw new TypeError(`${name} must be from ${from} to ${to} seconds.`);
}
