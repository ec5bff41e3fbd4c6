import type { Roles } from "../accounts/role.js";
import type { Auth } from "../auth.js";
import { allSettings, FEATURES, readEnvironment } from "../config/environment.js";
import { resolveServerConfig, type ServerConfig } from "../config/server-config.js";
import type { Settings } from "../config/setting.js";
import { featuresThatAreOn } from "../features/compose.js";
import type { CoreServices, Feature } from "../features/feature.js";
import { featuresWith } from "../features/index.js";
import { loadFeatures } from "../features/load.js";
import { generateSecretKey, readOrCreateSecretKey } from "../keys/secret-key.js";

type Environment = Readonly<Record<string, string | undefined>>;

/** The installation that a command works on: its features and its settings, read from the environment. */
export class Installation {
  readonly features: readonly Feature[];
  readonly settings: Settings;
  /** Why the application's features cannot be used. Commands that need no feature still run. */
  readonly failure: Error | undefined;
  readonly #env: Environment;

  private constructor(features: readonly Feature[], env: Environment, failure?: Error) {
    this.features = features;
    this.settings = allSettings(features);
    this.failure = failure;
    this.#env = env;
  }

  /**
   * Loads our features, and those of the modules in the variable {@link FEATURES}. If a module cannot be loaded or
   * features do not fit together, loads only ours and keeps the {@link Installation.failure}.
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

  /**
   * Reads and checks all settings before anything is written. In development, if SECRET_KEY is not set, makes a secret
   * and keeps it beside the database.
   * @throws WrongSettings; Error when the features cannot be used
   */
  readConfig(): ServerConfig {
    if (this.failure !== undefined) throw this.failure;
    return this.#resolve(readOrCreateSecretKey);
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

  #resolve(createSecretKey: (databaseUrl: string) => string): ServerConfig {
    const { options, problems } = readEnvironment(this.#env, this.settings);
    return resolveServerConfig(options, this.features, { problems, createSecretKey });
  }

  /** Opens the core, hands it to `use`, and closes it. */
  async open(
    use: (auth: Auth, core: CoreServices, config: ServerConfig) => void | Promise<void>,
  ): Promise<void> {
    const config = this.readConfig();
    // Loaded here, because `--help` and `generate-secret` do not need it.
    const { openAuth } = await import("../auth.js");
    const { auth, core } = await openAuth(config, this.features, (fault) => {
      console.error(`gatehouse: ${fault instanceof Error ? fault.message : String(fault)}`);
    });
    try {
      await use(auth, core, config);
    } finally {
      await auth.close();
    }
  }
}
