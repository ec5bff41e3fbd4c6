import { CONNECT_TIMEOUT, type PostgresUrl } from "../config/postgresql-url.js";

/** The message of `pg` when the server does not support TLS. */
const NO_TLS = "The server does not support SSL connections";

/** The message of `pg` when connecting takes too long. */
const TIMEOUT = "timeout expired";

/** @see https://www.postgresql.org/docs/current/errcodes-appendix.html */
export const MISSING_DATABASE = "3D000";
const INVALID_AUTHORIZATION = "28000";
const INVALID_PASSWORD = "28P01";
const PROTOCOL_VIOLATION = "08P01";

/** An error of `pg`, the server, TLS or the operating system. If it has no code, `code` is empty. */
interface Fault {
  readonly code: string;
  readonly words: string;
}

interface Failure {
  readonly code: unknown;
  readonly message: string;
  readonly reason: string;
  readonly cause: unknown;
  readonly errors: readonly unknown[];
}

/** Returns the first code in the error's chain of causes. Returns an empty text if there is no code. */
export function codeOf(error: unknown): string {
  return faultOf(error).code;
}

export function hasNoTls(error: unknown): boolean {
  return faultOf(error).words === NO_TLS;
}

/** Returns whether connecting took too long. */
export function isWithoutAnswer(error: unknown): boolean {
  return faultOf(error).words === TIMEOUT;
}

/**
 * Returns whether TLS may have caused the error. If so, the caller may connect without TLS. Returns false for a wrong
 * password, because a second attempt would send the password without TLS.
 */
export function isAboutTls(error: unknown): boolean {
  const fault = faultOf(error);
  return fault.words === NO_TLS || fault.code === INVALID_AUTHORIZATION || isTlsFault(fault);
}

/** Returns one line that says why the server cannot be used. The line contains no password. */
export function describeFault(error: unknown, url: PostgresUrl): string {
  const fault = faultOf(error);
  return `${explain(fault, url)}: ${fault.words}`;
}

function explain(fault: Fault, url: PostgresUrl): string {
  const { host, port, user, database, sslMode, connectTimeout = CONNECT_TIMEOUT } = url;
  const place = host.startsWith("/") ? `${host}/.s.PGSQL.${port}` : `${host}:${port}`;
  if (fault.words === NO_TLS) {
    return `The database server has no TLS, which sslmode=${sslMode} needs`;
  }
  if (fault.words === TIMEOUT) {
    return `The database server ${place} did not answer within ${connectTimeout} s`;
  }
  if (fault.code.startsWith("ERR_SSL_")) return "TLS with the database server fails";
  if (isTlsFault(fault)) return "The certificate of the database server is refused";
  switch (fault.code) {
    case MISSING_DATABASE:
      return `The database ${database} does not exist; \`gatehouse migrate --create\` makes it`;
    case INVALID_PASSWORD:
      return `The database server refuses the role ${user} or its password`;
    case INVALID_AUTHORIZATION:
      return fault.words.includes("no encryption")
        ? "The database server may require TLS; set sslmode=require"
        : `The database server refuses the role ${user}`;
    case "53300":
      return "The database server has too many connections";
    case PROTOCOL_VIOLATION:
      return "The database server, or the pooler in front of it, refuses the connection";
    case "ECONNREFUSED":
    case "ENOENT":
      return `No database server listens on ${place}`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `The database server's host ${host} is unknown`;
    default:
      return "The database cannot be reached. Check its URL, and whether it is running";
  }
}

/**
 * Returns whether TLS failed. Node's codes for TLS errors contain an underscore, such as `CERT_HAS_EXPIRED`. Some codes
 * for DNS errors also contain one, such as `EAI_AGAIN`.
 */
function isTlsFault({ code }: Fault): boolean {
  return code.includes("_") && !code.startsWith("EAI_");
}

/** Returns the first error with a code in the chain of causes. Returns the last error if none has a code. */
function faultOf(error: unknown): Fault {
  // Prefer the short `reason` of a TLS error, because its message names places in OpenSSL's code. If a host has several
  // addresses, `errors` has one error for each address. The first error is enough.
  const { code, message = "", reason = message, cause, errors } = error as Partial<Failure>;
  const [first] = errors ?? [];
  if (first !== undefined) return faultOf(first);
  if (typeof code !== "string" && cause != null) return faultOf(cause);
  return {
    code: typeof code === "string" ? code : "",
    words: reason.trim().replaceAll(/\s+/g, " "),
  };
}
