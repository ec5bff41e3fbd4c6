import { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { checkServerIdentity, createSecureContext, type PeerCertificate } from "node:tls";
import { type PostgresUrl, SYSTEM_ROOTS } from "../config/postgresql-url.js";

export interface TlsOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized: boolean;
  readonly checkServerIdentity: (name: string, certificate: PeerCertificate) => Error | undefined;
}

/** The permissions that a key file must not have. If root owns the file, its group may read it. */
const OTHERS = 0o077;
const OTHERS_OF_ROOT = 0o037;

/**
 * Returns the TLS options that the URL asks for, or false for no TLS. A Unix socket never uses TLS.
 * @see https://www.postgresql.org/docs/current/libpq-ssl.html
 * @throws Error if a file cannot be used. The message is one line.
 */
export function readTlsOptions(url: PostgresUrl): TlsOptions | false {
  const { host, sslMode, sslRootCert, sslCert, sslKey } = url;
  if (sslMode === "disable" || host.startsWith("/")) return false;
  const ca = ["", SYSTEM_ROOTS].includes(sslRootCert) ? undefined : readRoots(sslRootCert);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(sslCert === "" ? {} : readClientCertificate(sslCert, sslKey)),
    // As in libpq, the server's certificate is checked if the URL names a root certificate. `no-verify` turns this
    // check off.
    rejectUnauthorized: sslRootCert !== "" && sslMode !== "no-verify",
    // Check the URL's host, because Node passes `localhost` as the name if the host is an IP address.
    checkServerIdentity: (_name, certificate) =>
      sslMode === "verify-full" ? checkServerIdentity(host, certificate) : undefined,
  };
}

function readRoots(path: string): string {
  const pem = read("sslrootcert", path);
  use("sslrootcert", path, () => new X509Certificate(pem));
  return pem;
}

function readClientCertificate(certPath: string, keyPath: string): { cert: string; key: string } {
  const cert = read("sslcert", certPath);
  const key = read("sslkey", keyPath);
  const { mode, uid } = statSync(keyPath);
  if ((mode & (uid === 0 ? OTHERS_OF_ROOT : OTHERS)) !== 0) {
    throw new Error(`sslkey: others can read ${keyPath}; run chmod 600 on it.`);
  }
  use("sslcert", certPath, () => createSecureContext({ cert }));
  use("sslkey", keyPath, () => createSecureContext({ cert, key }));
  return { cert, key };
}

function read(parameter: string, path: string): string {
  return use(parameter, path, () => readFileSync(path, "utf8"));
}

function use<Result>(parameter: string, path: string, action: () => Result): Result {
  try {
    return action();
  } catch (cause) {
    const detail = (cause as Error).message;
    throw new Error(`${parameter}: the file ${path} cannot be used: ${detail}.`, { cause });
  }
}
