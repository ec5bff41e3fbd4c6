import { type Checked, checkOptions } from "./check.js";
import { type Problem, WrongSettings } from "./problems.js";
import type { ConfigOf, OptionsOf, Settings } from "./setting.js";
import { SERVER_SETTINGS } from "./server-settings.js";
import { AUTH_SETTINGS } from "./settings.js";

/** The core's options. Only `secretKey` is required. All durations are whole seconds. */
export type CoreOptions = OptionsOf<typeof AUTH_SETTINGS>;

/** The checked settings of the core, frozen and with all defaults. */
export interface AuthConfig extends Omit<
  ConfigOf<typeof AUTH_SETTINGS>,
  "secretKey" | "jwtIssuer" | "createDatabase"
> {
  readonly jwtIssuer: string;
  readonly createDatabase: boolean;
  /** The secrets. The current secret comes first, and the previous secrets follow. */
  readonly secretKeys: readonly string[];
  /**
   * Whether only developers use the server. True if the server listens on loopback, has no trusted proxies, and is not
   * in production. Null for `createAuth`, which has no server.
   */
  readonly isDevelopment: boolean | null;
}

/** An algorithm that can sign access tokens. @see RFC 7518 3.1 */
export type JwtAlgorithm = AuthConfig["jwtAlgorithm"];

/** The options that features cannot read. Both URLs may contain passwords. */
const SECRETS = ["secretKeys", "databaseUrl", "redisUrl", "onEvent"] as const;

export type SecretOption = (typeof SECRETS)[number];

/** The options of the core that every feature can read. */
const SHARED: ReadonlySet<string> = new Set([
  "isDevelopment",
  ...Object.keys(AUTH_SETTINGS).filter((option) => !SECRETS.includes(option as SecretOption)),
]);

export interface SettingsOwner {
  readonly settings?: Settings;
  /** Returns a problem for each setting that is missing, or that contradicts other settings. */
  findProblems?(config: Readonly<Record<string, unknown>>): readonly Problem[];
}

/**
 * Checks the options, and fills in the defaults.
 * @param owners the features, whose settings are checked too
 * @throws TypeError with one line for each problem. The message contains no value of a setting
 */
export function resolveConfig(options: CoreOptions, owners: readonly SettingsOwner[]): AuthConfig {
  const checked = checkOptions(options, AUTH_SETTINGS, settingsOf(owners), SERVER_SETTINGS);
  const values = withDerived(checked);
  const config = {
    ...values,
    createDatabase: values.createDatabase ?? true,
    isDevelopment: null,
  };
  requireConsistent(config, checked.problems, owners);
  return Object.freeze(config);
}

export function settingsOf(owners: readonly SettingsOwner[]): Settings {
  return Object.assign({}, ...owners.map(({ settings }) => settings)) as Settings;
}

/**
 * Returns the options that a feature may read: its own options, the core's options except {@link SecretOption}, and
 * `isDevelopment`. The options of other features are left out, because they may contain secrets.
 */
export function configFor(
  { settings = {} }: SettingsOwner,
  config: AuthConfig,
): Readonly<Record<string, unknown>> {
  const isShown = (option: string) => SHARED.has(option) || Object.hasOwn(settings, option);
  const shown = Object.entries(config).filter(([option]) => isShown(option));
  return Object.freeze(Object.fromEntries(shown));
}

export function withDerived<S extends typeof AUTH_SETTINGS>({ values, wrong }: Checked<S>) {
  const { secretKey, jwtIssuer, ...others } = values;
  return {
    ...others,
    // The default does not contain the server's port. Otherwise another port would change the issuer and invalidate all
    // JWTs.
    jwtIssuer: jwtIssuer ?? values.publicUrl ?? "gatehouse",
    secretKeys: wrong.has("secretKey") ? [] : secretKey,
  };
}

/**
 * Requires that all options are right, and that they do not contradict each other.
 * @param wrong the problems of single options, such as a negative `leeway`. Contradictions with these options are not
 * reported
 * @param further contradictions that the caller has found, such as `introspection` on a public server
 * @throws TypeError with one line for each problem
 */
export function requireConsistent(
  config: AuthConfig,
  wrong: readonly Problem[],
  owners: readonly SettingsOwner[],
  further: Iterable<Problem> = [],
): void {
  const isRight = (option: string) => wrong.every((problem) => problem.option !== option);
  const checkable = owners.filter(({ settings = {} }) => Object.keys(settings).every(isRight));
  const contradictions = [
    ...findContradictions(config),
    ...further,
    ...checkable.flatMap((owner) => owner.findProblems?.(configFor(owner, config)) ?? []),
  ].filter(({ option, other = option }) => isRight(option) && isRight(other));
  const problems = [...wrong, ...contradictions];
  if (problems.length > 0) throw new WrongSettings(problems);
}

function* findContradictions(config: AuthConfig): Generator<Problem> {
  const { accessTokenLifetime, refreshTokenLifetime, sessionLifetime, leeway } = config;
  if (leeway >= accessTokenLifetime) {
    yield { option: "leeway", message: "must be less than", other: "accessTokenLifetime" };
  }
  if (accessTokenLifetime >= refreshTokenLifetime) {
    const other = "refreshTokenLifetime";
    yield { option: "accessTokenLifetime", message: "must be less than", other };
  }
  if (refreshTokenLifetime > sessionLifetime) {
    const other = "sessionLifetime";
    yield { option: "refreshTokenLifetime", message: "must be at most", other };
  }
  for (const option of ["databaseSchema", "databasePoolSize"] as const) {
    const hasNoEffect = config[option] !== undefined && config.databaseUrl.startsWith("sqlite:");
    if (hasNoEffect) yield { option, message: "needs PostgreSQL in", other: "databaseUrl" };
  }
  yield* findSharedSecrets(config);
}

function* findSharedSecrets({ secretKeys, databaseUrl, redisUrl }: AuthConfig): Generator<Problem> {
  const option = "secretKey";
  if (new Set(secretKeys).size < secretKeys.length) {
    yield { option, message: "must not hold the same secret twice" };
  }
  for (const [other, url = ""] of Object.entries({ databaseUrl, redisUrl })) {
    const isIn = (key: string) => url.includes(key) || url.includes(encodeURIComponent(key));
    if (secretKeys.some(isIn)) yield { option, message: "must not also be part of", other };
  }
}
