import type { OpenAuth } from "../auth.js";
import { allSettings, FEATURES, readEnvironment } from "../config/environment.js";
import { resolveServerConfig, type ServerConfig } from "../config/server-config.js";
import type { Settings } from "../config/setting.js";
import { featuresThatAreOn, requireCompatible } from "../features/compose.js";
import type { Feature } from "../features/feature.js";
import { BUILT_IN } from "../features/index.js";
import { loadFeatures } from "../features/load.js";
import { generateSecretKey, readOrCreateSecretKey, secretPathOf } from "../keys/secret-key.js";

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
    return new Installation(requireCompatible([...BUILT_IN, ...own]), env);
  }

  /**
   * Reads and checks all settings before anything is written. If there is no SECRET_KEY in development, makes one and keeps
   * it beside the database.
   * @throws {@link WrongSettings}
   */
  readConfig(): ServerConfig {
    return this.#resolve((databaseUrl) => readOrCreateSecretKey(secretPathOf(databaseUrl)));
  }

  /** The features that the settings switch on. With wrong settings, all of them. Writes nothing. */
  findActiveFeatures(): readonly Feature[] {
    try {
      return featuresThatAreOn(this.features, this.#resolve(generateSecretKey));
    } catch {
      return this.features;
    }
  }

  #resolve(createSecretKey: (databaseUrl: string) => string): ServerConfig {
    const { options, problems } = readEnvironment(this.#env, this.settings);
    return resolveServerConfig(options, this.features, { problems, createSecretKey });
  }

  /** Opens the core, hands it to `use`, and closes it. */
  async open(use: (auth: OpenAuth, config: ServerConfig) => void | Promise<void>): Promise<void> {
    const config = this.readConfig();
    // Loaded here, because `--help` and `generate-secret` do not need it.
    const { openAuth } = await import("../auth.js");
    const auth = await openAuth(config, this.features);
    try {
      await use(auth, config);
    } finally {
      await auth.close();
    }
  }
}
