import { isNativeError } from "node:util/types";

/** Errors of Redis that mean wrong settings, each with a message that says what to do. */
const FAULTS: readonly (readonly [RegExp, string])[] = [
  [/WRONGPASS|ERR invalid password/, "refuses the user or the password in the URL"],
  [/NOAUTH\b/, "needs a password; write redis://:PASSWORD@host"],
  [/NOPERM/, "does not allow the user to run scripts on keys that begin with gatehouse:"],
  [/MOVED/, "is a node of a Cluster; write redis+cluster:// instead of redis://"],
  [/cluster support disabled/, "is not a Cluster; write redis:// instead of redis+cluster://"],
  [/No such master/, "is a Sentinel that does not know the name in the URL"],
  [
    /unknown command \W?SENTINEL/i,
    "is not a Sentinel; write redis:// instead of redis+sentinel://",
  ],
  [
    /unknown command/i,
    "does not know a command; it must be Redis 5 or newer, or Valkey, and not a Sentinel",
  ],
  [
    /not allowed after non deterministic commands/,
    "is too old; it must be Redis 5 or newer, or Valkey",
  ],
  [/DB index is out of range/, "has no database with the number at the end of the URL"],
  [/Unknown RESP type/, "is not Redis; the host or the port is wrong"],
  [
    /wrong version number|packet length too long/,
    "does not use TLS; write redis:// instead of rediss://",
  ],
  [
    /certificate|altname/i,
    "has a certificate that is not trusted; name its authority in NODE_EXTRA_CA_CERTS",
  ],
];

/**
 * Returns what is wrong with the settings, such as `refuses the user or the password in the URL`. Returns undefined if
 * no error means wrong settings, for example because the server is unreachable.
 */
export function findRedisFault(errors: readonly unknown[]): string | undefined {
  const messages = errors.map((error) => (isNativeError(error) ? error.message : ""));
  return FAULTS.find(([pattern]) => messages.some((message) => pattern.test(message)))?.[1];
}
