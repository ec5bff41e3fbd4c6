import type { Roles } from "../accounts/role.js";
import type { OpenAuth } from "../auth.js";
import type { Auth } from "../auth-api.js";
import { describeDatabase, sqlitePathOf } from "../config/database-location.js";
import { allSettings, FEATURES, readEnvironment, variablesOf } from "../config/environment.js";
import { resolveServerConfig, type ServerConfig } from "../config/server-config.js";
import type { Settings } from "../config/setting.js";
import { requireDatabaseFile } from "../database/sqlite-file.js";
import { featuresThatAreOn } from "../features/compose.js";
import type { CoreServices, Feature } from "../features/feature.js";
import { featuresWith } from "../features/index.js";
import { loadFeatures } from "../features/load.js";
import { generateSecretKey, readOrCreateSecretKey, readSecretKey } from "../keys/secret-key.js";
import { printError } from "./print.js";

type Environment = Readonly<Record<string, string | undefined>>;

/** The work of a command. The {@link Auth} is closed afterwards. */
type Use = (
  auth: Auth,
  core: CoreServices,
  config: ServerConfig,
  open: OpenAuth,
) => void | Promise<void>;

/** The features and settings that a command works with. Environment variables determine both. */
export class Installation {
  readonly features: readonly Feature[];
  readonly settings: Settings;
  /** Why the application's features could not be loaded. Commands that need the settings throw this error. */
  readonly failure: Error | undefined;
  #env: Environment;
  /**
   * The command-line option that gave the database URL, such as `--database`. Undefined if the environment gives it.
   */
  #databaseOption: string | undefined;

  private constructor(features: readonly Feature[], env: Environment, failure?: Error) {
    this.features = features;
    this.settings = allSettings(features);
    this.failure = failure;
    this.#env = env;
  }

  /**
   * Loads the built-in features, and the features of the modules that the variable {@link FEATURES} names. If a module
   * fails, loads only the built-in features, and sets {@link Installation.failure}.
   */
  static async load(env: Environment): Promise<Installation> {
    const modules = (env[FEATURES] ?? "").split(",").map((name) => name.trim());
    try {
      const own = await loadFeatures(modules.filter((name) => name !== ""));
      return new Installation(featuresWith(own), env);
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      return new Installation(featuresWith(), env, failure);
    }
  }

  /** @param url the value of an option such as `--database` */
  useDatabase(url: string, option = "--database"): void {
    const variable = variablesOf(this.settings).get("databaseUrl") ?? "";
    this.#env = { ...this.#env, [variable]: url };
    this.#databaseOption = option;
  }

  /**
   * Maps each setting to its name in messages: its variable, such as `DATABASE_URL`. If an option such as `--database`
   * gave the database URL, messages use the name of that option.
   */
  get names(): ReadonlyMap<string, string> {
    const names = variablesOf(this.settings).set("features", FEATURES);
    const option = this.#databaseOption;
    return option === undefined ? names : names.set("databaseUrl", option);
  }

  /**
   * Reads and checks all settings. In development, creates a missing secret.
   * @param create whether to create a missing SQLite file and missing tables. @default false for SQLite outside
   * development, otherwise true
   * @throws WrongSettings if a setting is wrong
   * @throws Error if the features or the secret cannot be used
   */
  readConfig(create?: boolean): ServerConfig {
    this.#requireFeatures();
    return this.#resolve(readOrCreateSecretKey, {}, create);
  }

  /**
   * Reads and checks all settings, but reads and writes no file with a secret. If `SECRET_KEY` is not set in
   * development, the secret in the result is a random one.
   * @throws the errors of {@link Installation.readConfig}
   */
  readConfigWithoutSecret(): { config: ServerConfig; hasSecretKey: boolean } {
    this.#requireFeatures();
    let hasSecretKey = true;
    const config = this.#resolve(() => {
      hasSecretKey = false;
      return generateSecretKey();
    });
    return { config, hasSecretKey };
  }

  /** Returns the features that are on. Returns all features if the settings are wrong. Writes nothing. */
  findActiveFeatures(): readonly Feature[] {
    try {
      return featuresThatAreOn(this.features, this.#resolve(generateSecretKey));
    } catch {
      return this.features;
    }
  }

  /**
   * Returns the variable that turns the feature on when it is set to `on`. Returns undefined if there is none. Writes
   * nothing.
   */
  findSwitch(feature: Feature): string | undefined {
    const settings = Object.values(feature.settings ?? {});
    const variables = settings.flatMap(({ variable }) => variable ?? []);
    return variables.find((variable) => {
      try {
        const config = this.#resolve(generateSecretKey, { [variable]: "on" });
        return featuresThatAreOn(this.features, config).includes(feature);
      } catch {
        return false;
      }
    });
  }

  /** Returns the roles, or null if the settings are wrong. Writes nothing. */
  findRoles(): Roles | null {
    try {
      return this.#resolve(generateSecretKey).roles;
    } catch {
      return null;
    }
  }

  /** @param more variables that replace the same variables of the environment */
  #resolve(
    createSecretKey: (databaseUrl: string) => string,
    more: Environment = {},
    create?: boolean,
  ): ServerConfig {
    const { options, problems } = readEnvironment({ ...this.#env, ...more }, this.settings);
    const all = { ...options, createDatabase: create };
    return resolveServerConfig(all, this.features, { problems, createSecretKey });
  }

  /** Opens an {@link Auth}, calls `use` with it, and closes it. @param create as in {@link Installation.readConfig} */
  async open(use: Use, create?: boolean): Promise<void> {
    await this.#openWith(this.readConfig(create), use);
  }

  /** Opens an {@link Auth} as {@link Installation.open} does, but never creates a database or a secret. */
  async openExisting(use: Use): Promise<void> {
    this.#requireFeatures();
    await this.#openWith(this.#resolve(readExistingSecretKey, {}, false), use);
  }

  #requireFeatures(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  async #openWith(config: ServerConfig, use: Use): Promise<void> {
    // Load this module on first use, because `--help` and `generate-secret` do not need it.
    const { openAuth } = await import("../auth.js");
    const open = await openAuth(config, this.features, (fault) => {
      const message = fault instanceof Error ? fault.message : String(fault);
      for (const line of message.split("\n")) printError(line);
    });
    const { auth, core } = open;
    try {
      console.error(`Database: ${describeDatabase(config.databaseUrl)}`);
      await use(auth, core, config, open);
    } finally {
      await auth.close();
    }
  }
}

/**
 * Returns the secret of an existing database. Requires the SQLite file first, because an error about its secret would
 * be misleading if the database itself is missing.
 */
function readExistingSecretKey(databaseUrl: string): string {
  const path = sqlitePathOf(databaseUrl);
  if (path !== null) requireDatabaseFile(path);
  return readSecretKey(databaseUrl);
}
