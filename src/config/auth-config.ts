import { type Checked, checkOptions } from "./check.js";
import { type Problem, WrongSettings } from "./problems.js";
import type { ConfigOf, OptionsOf, Settings } from "./setting.js";
import { AUTH_SETTINGS, SERVER_SETTINGS } from "./settings.js";

/** The core's options. Only `secretKey` is required. All durations are whole seconds. */
export type CoreOptions = OptionsOf<typeof AUTH_SETTINGS>;

/** {@link CoreOptions} with every default filled in, checked as a whole, and frozen. */
export interface AuthConfig extends Omit<
  ConfigOf<typeof AUTH_SETTINGS>,
  "secretKey" | "jwtIssuer" | "createDatabase"
> {
  readonly jwtIssuer: string;
  readonly createDatabase: boolean;
  /** The root secrets: the current secret, and then the previous secrets. */
  readonly secretKeys: readonly string[];
  /**
   * Whether only developers use the server. True if it listens on loopback, has no trusted proxies, and is not in
   * production. Null when Gatehouse is embedded, because only the application knows who its users are.
   */
  readonly isDevelopment: boolean | null;
}

/** An algorithm that can sign access tokens. @see RFC 7518 3.1 */
export type JwtAlgorithm = AuthConfig["jwtAlgorithm"];

/** The options that no feature sees: secrets, addresses that may hold a password, and the application's listener. */
export type SecretOption = "secretKeys" | "databaseUrl" | "redisUrl" | "onEvent";

const SECRETS: Readonly<Record<SecretOption, true>> = {
  secretKeys: true,
  databaseUrl: true,
  redisUrl: true,
  onEvent: true,
};

/** The part of a feature that adds its settings to the core's. */
export interface SettingsOwner {
  readonly settings?: Settings;
  /** Returns the contradictions between settings, which no check of a single setting can find. */
  findProblems?(config: Readonly<Record<string, unknown>>): readonly Problem[];
}

/**
 * Checks all options once, and fills in the defaults.
 * @param owners the features, whose settings are checked too
 * @throws TypeError that has one line for each problem, and never contains the value of a setting
 */
export function resolveConfig(
  options: CoreOptions,
  owners: readonly SettingsOwner[] = [],
): AuthConfig {
  const checked = checkOptions(options, AUTH_SETTINGS, settingsOf(owners), SERVER_SETTINGS);
  const values = withDerived(checked);
  const config = {
    ...values,
    createDatabase: values.createDatabase ?? true,
    isDevelopment: null,
  };
  return settle(config, checked.problems, owners);
}

/** Returns the settings of all owners in one table. */
export function settingsOf(owners: readonly SettingsOwner[]): Settings {
  return Object.assign({}, ...owners.map(({ settings }) => settings)) as Settings;
}

/**
 * Returns the part of a configuration that a feature may see: the core's options without {@link SecretOption}, and its
 * own. The settings of other features may hold secrets.
 */
export function configFor(
  { settings = {} }: SettingsOwner,
  config: AuthConfig,
): Readonly<Record<string, unknown>> {
  const isShown = (option: string) =>
    Object.hasOwn(settings, option) ||
    option === "isDevelopment" ||
    (Object.hasOwn(AUTH_SETTINGS, option) && !Object.hasOwn(SECRETS, option));
  const shown = Object.entries(config).filter(([option]) => isShown(option));
  return Object.freeze(Object.fromEntries(shown));
}

/**
 * Returns the checked values with `secretKeys` in place of `secretKey`, and the default of `jwtIssuer` filled in. If
 * `secretKey` is wrong, `secretKeys` is empty.
 */
export function withDerived<S extends typeof AUTH_SETTINGS>({ values, wrong }: Checked<S>) {
  const { secretKey, jwtIssuer, ...others } = values;
  return {
    ...others,
    // The default is never the address that the server listens on. That address differs between instances, and a new
    // port would invalidate all JWTs.
    jwtIssuer: jwtIssuer ?? values.publicUrl ?? "gatehouse",
    secretKeys: wrong.has("secretKey") ? [] : secretKey,
  };
}

/**
 * Returns the configuration, frozen, if its values do not contradict each other and nothing else is wrong.
 * @param found the problems so far. A contradiction that involves a wrong option is not reported, because `config` does
 * not hold the value that the user meant.
 * @param further contradictions that the caller has found
 * @throws TypeError with all problems
 */
export function settle<Config extends AuthConfig>(
  config: Config,
  found: readonly Problem[],
  owners: readonly SettingsOwner[],
  further: Iterable<Problem> = [],
): Readonly<Config> {
  const wrong = new Set(found.map(({ option }) => option));
  const isRight = (option: string) => !wrong.has(option);
  const asked = owners.filter(({ settings = {} }) => Object.keys(settings).every(isRight));
  const contradictions = [
    ...findContradictions(config),
    ...further,
    ...asked.flatMap((owner) => owner.findProblems?.(configFor(owner, config)) ?? []),
  ].filter(({ option, other = option }) => isRight(option) && isRight(other));
  const problems = [...found, ...contradictions];
  if (problems.length > 0) throw new WrongSettings(problems);
  return Object.freeze(config);
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
    const isForNothing = config[option] !== undefined && config.databaseUrl.startsWith("sqlite:");
    if (isForNothing) yield { option, message: "needs PostgreSQL in", other: "databaseUrl" };
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
