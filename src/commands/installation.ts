import type { Auth } from "../auth.js";
import { allSettings, FEATURES, readEnvironment } from "../config/environment.js";
import { WrongSettings } from "../config/problems.js";
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
  readonly #env: Environment;

  private constructor(features: readonly Feature[], env: Environment) {
    this.features = features;
    this.settings = allSettings(features);
    this.#env = env;
  }

  /**
   * Loads the features: ours, and those of the modules in the variable {@link FEATURES}.
   * @throws Error when a module cannot be loaded; TypeError when features do not fit together
   */
  static async load(env: Environment): Promise<Installation> {
    const modules = (env[FEATURES] ?? "").split(",").map((name) => name.trim());
    const own = await loadFeatures(modules.filter((name) => name !== ""));
    return new Installation(featuresWith(own), env);
  }

  /**
   * Reads and checks all settings before anything is written. If there is no SECRET_KEY in development, makes one and keeps
   * it beside the database.
   * @throws {@link WrongSettings}
   */
  readConfig(): ServerConfig {
    return this.#resolve(readOrCreateSecretKey);
  }

  /** The features that bring commands and are switched on; with wrong settings, all that bring commands. Writes nothing. */
  findFeaturesWithCommands(): readonly Feature[] {
    const found = this.features.filter(({ commands = [] }) => commands.length > 0);
    if (found.length === 0) return found;
    try {
      return featuresThatAreOn(found, this.#resolve(generateSecretKey));
    } catch (error) {
      if (!(error instanceof WrongSettings)) throw error;
      return found;
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
    // Loaded here, because `--help` and `generate-secret` need none of it.
    const { openAuth } = await import("../auth.js");
    const { auth, core } = await openAuth(config, this.features);
    try {
      await use(auth, core, config);
    } finally {
      await auth.close();
    }
  }
}
