import { findMeant } from "./misspelling.js";

/** The supported values of `sslmode`: `no-verify` from the package `pg`, and all values of libpq except `allow`. */
const SSL_MODES = [
  "disable",
  "prefer",
  "require",
  "verify-ca",
  "verify-full",
  "no-verify",
] as const;

type SslMode = (typeof SSL_MODES)[number];

const PARAMETERS = [
  ...["host", "port", "user", "password", "dbname"],
  ...["sslmode", "sslrootcert", "sslcert", "sslkey"],
  ...["application_name", "options", "connect_timeout"],
];

/** The value of `sslrootcert` that stands for the certificate authorities which Node trusts. */
export const SYSTEM_ROOTS = "system";

/** How long the start waits for a connection, in seconds. `connect_timeout` in the URL replaces this default. */
export const CONNECT_TIMEOUT = 5;

/** The parts of a PostgreSQL URL. A missing text without a default is empty. */
export interface PostgresUrl {
  /** A host name, an IP address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly sslMode: SslMode;
  /** The path of a PEM file, or {@link SYSTEM_ROOTS}. */
  readonly sslRootCert: string;
  /** The path of a PEM file. */
  readonly sslCert: string;
  /** The path of a PEM file. */
  readonly sslKey: string;
  readonly applicationName: string;
  /** Options for the PostgreSQL server, such as `-c geqo=off`. */
  readonly options: string;
  /** How long to wait for a connection, in seconds. 0 means no limit. Undefined if the URL has no `connect_timeout`. */
  readonly connectTimeout: number | undefined;
}

/**
 * Parses a URL as libpq does. Refuses what Gatehouse does not support.
 * @see https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 * @throws TypeError with a message such as `names several hosts, which is not supported`. The message contains no user,
 * password or host
 */
export function parsePostgresUrl(text: string): PostgresUrl {
  const [before = "", ...after] = text.split("?");
  const query = after.join("?");
  // Refuse `postgresql://ada:a?b@db`. The ? in the password would end the address at `ada:a`.
  if (before.includes("#") || (query.includes("@") && !before.includes("@"))) {
    refuse("has a ? or # that must be percent-encoded, as %3F or %23");
  }
  // Refuse `postgresql://ada:a/b@db`. The / in the password would make `b@db` the database.
  if (/^\w+:\/\/[^/]*\/.*@/s.test(before)) {
    refuse("has a / before an @; percent-encode one of them, as %2F or %40");
  }
  const url = parseAddress(before);
  const parameters = parseQuery(query);
  const read = (name: string, otherwise = "") => parameters.get(name) ?? otherwise;
  const parsed: PostgresUrl = {
    host: read("host", decode(url.hostname).replace(/^\[(.*)\]$/, "$1")),
    port: parsePort(read("port", url.port)),
    user: read("user", decode(url.username)),
    password: read("password", decode(url.password)),
    database: read("dbname", decode(url.pathname.slice(1))),
    sslMode: parseSslMode(read("sslmode", "prefer")),
    sslRootCert: read("sslrootcert"),
    sslCert: read("sslcert"),
    sslKey: read("sslkey"),
    applicationName: read("application_name", "gatehouse"),
    options: read("options"),
    connectTimeout: parseTimeout(parameters.get("connect_timeout")),
  };
  requireConsistent(parsed);
  return parsed;
}

/** Returns the error message of {@link parsePostgresUrl}, or an empty text if the URL is right. */
export function findUrlFault(text: string): string {
  try {
    parsePostgresUrl(text);
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

function refuse(fault: string): never {
  throw new TypeError(fault);
}

function parseAddress(text: string): URL {
  if (/^\w+:\/\/[^/]*,/.test(text)) refuse("names several hosts, which is not supported");
  // libpq accepts `postgresql://ada@/shop`, but `URL` needs a host, so insert `localhost`.
  const withHost = text.replace(/^(\w+:\/\/(?:[^/]*@)?)(?=[:/]|$)/, "$1localhost");
  if (!URL.canParse(withHost)) refuse("is not a valid URL; percent-encode special characters");
  return new URL(withHost);
}

/** Parses parameters as libpq does. A `+` stays a `+`. If a parameter is repeated, the last value counts. */
function parseQuery(query: string): Map<string, string> {
  const pairs = query.split("&").filter((pair) => pair !== "");
  return new Map(
    pairs.map((pair, index) => {
      const [name = "", ...values] = pair.split("=");
      const parameter = decode(name);
      if (!PARAMETERS.includes(parameter)) refuse(describeUnknown(parameter, index + 1));
      return [parameter, decode(values.join("="))];
    }),
  );
}

/** Describes a parameter by its position, because its name may be a part of a password that contains a `&`. */
function describeUnknown(parameter: string, place: number): string {
  const meant = findMeant(parameter, PARAMETERS);
  const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
  return `its parameter number ${place} is not supported${hint}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return refuse("has a % that does not start a percent-encoded character");
  }
}

function parsePort(text: string): number {
  const port = text === "" ? 5432 : Number(text);
  if (!/^\d*$/.test(text) || port < 1 || port > 65_535) refuse("port must be from 1 to 65535");
  return port;
}

function parseSslMode(text: string): SslMode {
  const mode = SSL_MODES.find((known) => known === text);
  return mode ?? refuse(`sslmode must be ${SSL_MODES.join(", ").replace(/, ([^,]*)$/, " or $1")}`);
}

function parseTimeout(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,6}$/.test(text)) refuse("connect_timeout must be a whole number of seconds");
  return Number(text);
}

function requireConsistent({ host, sslMode, sslRootCert, sslCert, sslKey }: PostgresUrl): void {
  if (host.includes(",")) refuse("names several hosts, which is not supported");
  if (host.startsWith("@")) refuse("host must not be an abstract socket");
  if (sslMode.startsWith("verify-") && sslRootCert === "") {
    refuse(`sslmode=${sslMode} needs sslrootcert, the file of the authority's certificate`);
  }
  if (sslRootCert === SYSTEM_ROOTS && sslMode !== "verify-full") {
    refuse("sslrootcert=system needs sslmode=verify-full");
  }
  if ((sslCert === "") !== (sslKey === "")) refuse("sslcert and sslkey must be set together");
}
