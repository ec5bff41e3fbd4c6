interface Host {
  readonly host: string;
  readonly port: number;
}

/** The parts of `REDIS_URL`. */
export interface RedisUrl {
  /** A single server, a server that Sentinels choose, or a Cluster. */
  readonly kind: "single" | "sentinel" | "cluster";
  readonly isTls: boolean;
  /** The server, the Sentinels, or some nodes of the Cluster. */
  readonly hosts: readonly [Host, ...Host[]];
  /** Undefined for Redis's default user. */
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  /** The name that the Sentinels give the server. Empty without Sentinel. */
  readonly name: string;
  readonly sentinelPassword: string | undefined;
}

const FORM =
  /^redis(?<tls>s?)(?:\+(?<kind>sentinel|cluster))?:\/\/(?:(?<user>[^@/?#]*)@)?(?<hosts>[^@/?#]*)(?:\/(?<path>[^@?#]*))?(?:\?(?<query>[^#]*))?$/;

const DEFAULT_PORT = { single: 6379, sentinel: 26379, cluster: 6379 };

/**
 * Parses a URL in one of the forms below. For TLS, the URL begins with `rediss` instead of `redis`.
 * - `redis://[user:password@]host[:port][/database]`
 * - `redis+sentinel://[user:password@]host[:port],…/name[/database][?sentinel_password=password]`
 * - `redis+cluster://[user:password@]host[:port],…`
 * @throws TypeError with a message such as `has a malformed host or port`. The message contains no part of the URL.
 */
export function parseRedisUrl(text: string): RedisUrl {
  const groups = FORM.exec(text)?.groups;
  if (groups === undefined)
    refuse("has a special character that must be percent-encoded, such as / as %2F");
  const { tls = "", user = "", hosts = "", path = "", query = "" } = groups;
  const kind = (groups["kind"] ?? "single") as RedisUrl["kind"];
  const [username = "", ...rest] = user.split(":");
  const [first = "", second = "", ...more] = path.split("/");
  const [name, database] = kind === "sentinel" ? [decode(first), second] : ["", first];
  if (kind === "sentinel" && name === "") {
    refuse(
      "needs the name that the Sentinels give the server, as in redis+sentinel://host:26379/mymaster",
    );
  }
  if (kind === "cluster" && database !== "")
    refuse("must not name a database, because a Cluster has only one");
  if (!/^\d{0,4}$/.test(database) || more.length > 0 || (kind !== "sentinel" && second !== "")) {
    refuse("must end with the number of a database, such as /0, or leave the number out");
  }
  const [main = "", ...others] = hosts.split(",");
  if (kind === "single" && others.length > 0) {
    refuse("names several hosts, which needs redis+sentinel:// or redis+cluster://");
  }
  const parse = (host: string) => parseHost(host, DEFAULT_PORT[kind]);
  return {
    kind,
    isTls: tls !== "",
    hosts: [parse(main), ...others.map(parse)],
    username: decode(username) || undefined,
    password: decode(rest.join(":")) || undefined,
    database: Number(database),
    name,
    sentinelPassword: parseQuery(query, kind),
  };
}

/**
 * Returns the error message of {@link parseRedisUrl}. Returns an empty text if the URL is right, or is not a URL of
 * Redis.
 */
export function findRedisUrlFault(text: unknown): string {
  if (typeof text !== "string" || !isRedisUrl(text)) return "";
  try {
    parseRedisUrl(text);
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

/** Returns whether a text begins like a URL that {@link parseRedisUrl} can parse. */
export function isRedisUrl(text: string): boolean {
  return /^rediss?(\+(sentinel|cluster))?:\/\//.test(text);
}

function refuse(fault: string): never {
  throw new TypeError(fault);
}

function parseHost(text: string, defaultPort: number): Host {
  if (text === "") refuse("names no host, or has a comma too many");
  if (!URL.canParse(`redis://${text}`)) refuse("has a malformed host or port");
  const { hostname, port } = new URL(`redis://${text}`);
  return {
    host: decode(hostname).replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? defaultPort : Number(port),
  };
}

function parseQuery(query: string, kind: RedisUrl["kind"]): string | undefined {
  if (query === "") return undefined;
  const value = /^sentinel_password=([^&]*)$/.exec(query)?.[1];
  if (value !== undefined && kind === "sentinel") return decode(value) || undefined;
  return refuse("must have no parameters, except for sentinel_password with redis+sentinel://");
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return refuse("has a % that does not start a percent-encoded character");
  }
}
