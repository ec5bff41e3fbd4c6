import type { Roles } from "../accounts/role.js";
import type { Auth, OpenAuth } from "../auth.js";
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

type Environment = Readonly<Record<string, string | undefined>>;

/** The work of a command. {@link Installation} opens `auth` before the call, and closes it afterwards. */
type Use = (
  auth: Auth,
  core: CoreServices,
  config: ServerConfig,
  open: OpenAuth,
) => void | Promise<void>;

/** The installation that a command works on: its features and its settings, read from the environment. */
export class Installation {
  readonly features: readonly Feature[];
  readonly settings: Settings;
  /** Why the application's features cannot be used. Commands that need the settings throw this error. */
  readonly failure: Error | undefined;
  #env: Environment;
  #isDatabaseGiven = false;

  private constructor(features: readonly Feature[], env: Environment, failure?: Error) {
    this.features = features;
    this.settings = allSettings(features);
    this.failure = failure;
    this.#env = env;
  }

  /**
   * Loads our features, and the features of the modules in the variable {@link FEATURES}. If that fails, loads only our
   * features and sets {@link Installation.failure}.
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

  /** @param url the value of `--database` */
  useDatabase(url: string): void {
    const variable = variablesOf(this.settings).get("databaseUrl") ?? "";
    this.#env = { ...this.#env, [variable]: url };
    this.#isDatabaseGiven = true;
  }

  /**
   * The name of each setting in messages: its variable, such as `DATABASE_URL`. If the user passed `--database`, the
   * setting `databaseUrl` has the name `--database`.
   */
  get names(): ReadonlyMap<string, string> {
    const names = variablesOf(this.settings).set("features", FEATURES);
    return this.#isDatabaseGiven ? names.set("databaseUrl", "--database") : names;
  }

  /**
   * Reads and checks all settings. In development, creates a missing secret.
   * @param create whether to create a missing database. @default true, except for SQLite outside development
   * @throws WrongSettings if a setting is wrong
   * @throws Error if the features or the secret cannot be used
   */
  readConfig(create?: boolean): ServerConfig {
    this.#requireFeatures();
    return this.#resolve(readOrCreateSecretKey, create);
  }

  /** Returns the features that are on, or all features if the settings are wrong. Writes nothing. */
  findActiveFeatures(): readonly Feature[] {
    try {
      return featuresThatAreOn(this.features, this.#resolve(generateSecretKey));
    } catch {
      return this.features;
    }
  }

  /** Returns the roles, or null if the settings are wrong. Writes nothing. */
  findRoles(): Roles | null {
    try {
      return this.#resolve(generateSecretKey).roles;
    } catch {
      return null;
    }
  }

  #resolve(createSecretKey: (databaseUrl: string) => string, create?: boolean): ServerConfig {
    const { options, problems } = readEnvironment(this.#env, this.settings);
    const all = { ...options, createDatabase: create };
    return resolveServerConfig(all, this.features, { problems, createSecretKey });
  }

  /** Opens an {@link Auth}, hands it to `use`, and closes it. @param create as in {@link Installation.readConfig} */
  async open(use: Use, create?: boolean): Promise<void> {
    await this.#openWith(this.readConfig(create), use);
  }

  /** The same as {@link Installation.open}, but never creates a database or a secret. */
  async openExisting(use: Use): Promise<void> {
    this.#requireFeatures();
    await this.#openWith(this.#resolve(readExistingSecretKey, false), use);
  }

  #requireFeatures(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  async #openWith(config: ServerConfig, use: Use): Promise<void> {
    // Imported here, because `--help` and `generate-secret` do not need this module.
    const { openAuth } = await import("../auth.js");
    const open = await openAuth(config, this.features, (fault) => {
      console.error(`gatehouse: ${fault instanceof Error ? fault.message : String(fault)}`);
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
 * Returns the secret of an existing database. Checks first that the SQLite file exists. Without that file, an error
 * about the secret would hide the cause.
 */
function readExistingSecretKey(databaseUrl: string): string {
  const path = sqlitePathOf(databaseUrl);
  if (path !== null) requireDatabaseFile(path);
  return readSecretKey(databaseUrl);
}
