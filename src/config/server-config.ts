import {
  type AuthConfig,
  type CoreOptions,
  requireConsistent,
  settingsOf,
  type SettingsOwner,
  withDerived,
} from "./auth-config.js";
import { checkOptions } from "./check.js";
import type { Problem } from "./problems.js";
import { isGuessable } from "./secret-keys.js";
import type { ConfigOf, OptionsOf } from "./setting.js";
import { SERVER_SETTINGS } from "./server-settings.js";
import { AUTH_SETTINGS } from "./settings.js";
import { sqlitePathOf } from "./database-location.js";

/**
 * The options of a server, without the options of features. Only `secretKey` is always required. All durations are
 * whole seconds.
 */
export type CoreServerOptions = CoreOptions & OptionsOf<typeof SERVER_SETTINGS>;

/** The checked settings of a server, frozen and with all defaults. */
export interface ServerConfig
  extends
    AuthConfig,
    Omit<ConfigOf<typeof SERVER_SETTINGS>, "introspection" | "isProduction" | "keepAliveTimeout"> {
  readonly introspection: boolean;
  readonly keepAliveTimeout: number;
}

/**
 * The defaults of `keepAliveTimeout`, in seconds. A server behind a proxy must keep idle connections longer than the
 * proxy does. Common proxies keep them for 60 seconds.
 */
const KEEP_ALIVE_TIMEOUT = { direct: 5, behindProxy: 75 };

/** The input that only the command `gatehouse` has. */
export interface CommandLine {
  /** The problems of environment variables, such as a misspelt name. */
  readonly problems: readonly Problem[];
  /** Returns the secret to use in development if `secretKey` is not set. */
  readonly createSecretKey: (databaseUrl: string) => string;
}

/**
 * Checks the options, and fills in the defaults.
 * @param owners the features, whose settings are checked too
 * @throws TypeError with one line for each problem. The message contains no value of a setting
 */
export function resolveServerConfig(
  options: Partial<CoreServerOptions>,
  owners: readonly SettingsOwner[],
  command?: CommandLine,
): ServerConfig {
  const checked = checkOptions(
    options,
    { ...AUTH_SETTINGS, ...SERVER_SETTINGS },
    settingsOf(owners),
  );
  const { isProduction, ...values } = withDerived(checked);
  const { host, trustedProxies, databaseUrl } = values;
  const isDevelopment = isLoopback(host) && trustedProxies.length === 0 && !isProduction;
  const config = {
    ...values,
    isDevelopment,
    introspection: values.introspection ?? isDevelopment,
    keepAliveTimeout:
      values.keepAliveTimeout ??
      KEEP_ALIVE_TIMEOUT[trustedProxies.length > 0 ? "behindProxy" : "direct"],
    createDatabase: values.createDatabase ?? (isDevelopment || sqlitePathOf(databaseUrl) === null),
  };
  const found = [...(command?.problems ?? []), ...checked.problems];
  const contradictions = findServerContradictions(config);
  if (command === undefined || !isDevelopment || options.secretKey !== undefined) {
    requireConsistent(config, found, owners, contradictions);
    return Object.freeze(config);
  }
  const others = found.filter(({ option }) => option !== "secretKey");
  requireConsistent(config, others, owners, contradictions);
  // Create a secret only if all other settings are right, because the secret is stored in a file.
  const secretKey = command.createSecretKey(databaseUrl);
  const made = checkOptions({ secretKey }, { secretKey: AUTH_SETTINGS.secretKey }, {});
  const complete = { ...config, secretKeys: made.values.secretKey };
  requireConsistent(complete, made.problems, owners);
  return Object.freeze(complete);
}

function* findServerContradictions(config: ServerConfig): Generator<Problem> {
  const { host, publicUrl, isDevelopment, introspection, secretKeys, trustedProxies } = config;
  if (publicUrl === undefined && (!isLoopback(host) || trustedProxies.length > 0)) {
    const message =
      "is required if others can reach the server; set it to the URL that clients use, such as https://auth.example.com";
    yield { option: "publicUrl", message };
  }
  if (introspection && !isDevelopment) {
    const message = "must be off where others can reach the server";
    yield { option: "introspection", message };
  }
  if (!isDevelopment && secretKeys.some(isGuessable)) {
    const message = "looks like an example or a phrase; `gatehouse generate-secret` makes one";
    yield { option: "secretKey", message };
  }
  if (trustedProxies.some((range) => range.endsWith("/0"))) {
    yield { option: "trustedProxies", message: "must not include every address" };
  }
}

/** Returns whether only this machine can reach a server that listens on `host`. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

export function serverUrl(host: string, port: number): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
