import { findMeant } from "./misspelling.js";

/** The supported values of `sslmode`: those of libpq except `allow`, and `no-verify` of the package `pg`. */
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

/** The value of `sslrootcert` for the certificate authorities that Node trusts. */
export const SYSTEM_ROOTS = "system";

/** The default of `connect_timeout`, in seconds. */
const CONNECT_TIMEOUT = 5;

/** The parts of a PostgreSQL URL. A part without a value and without a default is an empty text. */
export interface PostgresUrl {
  /** A name, an address, or the folder of a Unix socket. */
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
  /** Options of the server's command line, such as `-c geqo=off`. */
  readonly options: string;
  /** Seconds; 0 for no limit. */
  readonly connectTimeout: number;
}

/**
 * Parses a URL as libpq does. Refuses everything that Gatehouse does not support.
 * @see https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 * @throws TypeError with a message such as `names several hosts, which is not supported`. The message repeats no user,
 * password or host.
 */
export function parsePostgresUrl(text: string): PostgresUrl {
  const [before = "", ...after] = text.split("?");
  const query = after.join("?");
  // In `postgresql://ada:a?b@db`, the ? of the password must be encoded. Otherwise the address ends at `ada:a`.
  if (before.includes("#") || (query.includes("@") && !before.includes("@"))) {
    refuse("has a ? or # that must be percent-encoded, as %3F or %23");
  }
  // In `postgresql://ada:a/b@db`, the / of the password must be encoded. Otherwise the database is `b@db`.
  if (/^\w+:\/\/[^/]*\/.*@/s.test(before)) {
    refuse("has a / before an @, one of which must be percent-encoded, as %2F or %40");
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
    connectTimeout: parseTimeout(read("connect_timeout", String(CONNECT_TIMEOUT))),
  };
  requireConsistent(parsed);
  return parsed;
}

/** Returns the message of the error that {@link parsePostgresUrl} throws, or an empty text if nothing is wrong. */
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
  // libpq accepts `postgresql://ada@/shop`, but `URL` refuses it. So insert `localhost` as the host.
  const withHost = text.replace(/^(\w+:\/\/(?:[^/]*@)?)(?=[:/]|$)/, "$1localhost");
  if (!URL.canParse(withHost)) refuse("is not a valid URL; percent-encode special characters");
  return new URL(withHost);
}

/** Parses parameters as libpq does: a `+` stays a `+`, and the last value of a repeated parameter counts. */
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

/** Says the place of the parameter and not its name. The name may be part of a password that contains a `&`. */
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

function parseTimeout(text: string): number {
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
