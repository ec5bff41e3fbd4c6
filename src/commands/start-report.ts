import { describeDatabase } from "../config/database-location.js";
import type { ServerConfig } from "../config/server-config.js";
import type { Log } from "../http/server.js";

interface Start {
  readonly version: string;
  readonly url: string;
  readonly migrations: readonly string[];
  /** More lines to print, from features. */
  readonly announcements: readonly string[];
}

export function reportStart(
  { version, url, migrations, announcements }: Start,
  config: ServerConfig,
  log: Log,
): void {
  const { isDevelopment, introspection, jwtIssuer, trustedProxies, databaseUrl } = config;
  const database = describeDatabase(databaseUrl);
  const mode = isDevelopment === true ? "development" : "production";
  if (!process.stdout.isTTY) {
    log.info(
      { version, database, migrations, mode, introspection, jwtIssuer, trustedProxies, url },
      `Gatehouse listens on ${url}`,
    );
    for (const line of announcements) log.info(line);
    return;
  }
  const lines = [
    `Gatehouse ${version} listens on ${url}`,
    `  Database:    ${database}`,
    `  Migrations:  ${migrations.length === 0 ? "up to date" : `applied ${migrations.length}`}`,
    `  Mode:        ${mode}: ${isDevelopment === true ? "only this machine" : "others"} can reach it`,
    `               introspection is ${introspection ? "on" : "off"}`,
    `               tokens are issued by ${jwtIssuer}`,
    `               trusted proxies: ${trustedProxies.join(", ") || "none"}`,
    ...announcements,
  ];
  console.log(lines.join("\n"));
}

/**
 * On a terminal, returns a stream that prints the log in readable lines. Otherwise returns undefined, and the log is
 * JSON.
 */
export async function openLogStream(): Promise<NodeJS.WritableStream | undefined> {
  if (!process.stdout.isTTY) return undefined;
  const { default: pretty } = await import("pino-pretty");
  return pretty({ ignore: "reqId", singleLine: true, translateTime: "SYS:HH:MM:ss", sync: true });
}
