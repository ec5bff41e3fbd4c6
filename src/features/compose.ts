import type { GraphQLSchema } from "graphql";
import type { Hooks } from "../authentication/hooks.js";
import type { AuthConfig } from "../config/auth-config.js";
import { WrongSettings } from "../config/problems.js";
import type { Settings } from "../config/setting.js";
import { AUTH_SETTINGS, SERVER_SETTINGS } from "../config/settings.js";
import type { EventListener } from "../events.js";
import type { SchemaExtension } from "../graphql/schema.js";
import type { Core, Feature, FeatureConfig, FeatureParts, Route, SecretOption } from "./feature.js";

/**
 * Returns the features of one installation.
 * @throws {@link WrongSettings} when a name is invalid, two features share a name, setting or variable, a feature
 * redefines a setting of the core, or a required feature is missing
 */
export function requireCompatible(features: readonly Feature[]): readonly Feature[] {
  const problems = findClashes(features).map((message) => ({ option: "features", message }));
  if (problems.length > 0) throw new WrongSettings(problems);
  return features;
}

function findClashes(features: readonly Feature[]): string[] {
  const names = features.map(({ name }) => name);
  const tables = [AUTH_SETTINGS, SERVER_SETTINGS, ...features.map(({ settings = {} }) => settings)];
  const entries = tables.flatMap((table: Settings) => Object.entries(table));
  const variables = entries.flatMap(([, { variable }]) => variable ?? []);
  return [
    // The database records a feature's migrations as `feature:name`.
    ...names.filter((name) => !/^[\w-]+$/.test(name)).map((name) => `cannot be called ${name}`),
    ...repeated(names).map((name) => `two are called ${name}`),
    ...repeated(entries.map(([option]) => option)).map((option) => `two settings are ${option}`),
    ...repeated(variables).map((variable) => `two settings have the variable ${variable}`),
    ...features.flatMap(({ name, requires = [] }) =>
      requires
        .filter((required) => !names.includes(required))
        .map((required) => `${name} requires the feature ${required}`),
    ),
  ];
}

function repeated(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}

/** Returns what features see of the configuration. It was checked with their settings. */
export function forFeatures(config: AuthConfig): FeatureConfig {
  const shown = Object.entries(config).filter(([option]) => !Object.hasOwn(SECRETS, option));
  return Object.freeze(Object.fromEntries(shown)) as unknown as FeatureConfig;
}

const SECRETS: Readonly<Record<SecretOption, true>> = {
  secretKeys: true,
  databaseUrl: true,
  redisUrl: true,
  onEvent: true,
};

/** The features that the configuration switches on. */
export function featuresThatAreOn(features: readonly Feature[], config: AuthConfig): Feature[] {
  const shown = forFeatures(config);
  return features.filter((feature) => feature.isOn?.(shown) ?? true);
}

/** The parts of all features that are on, together. */
export interface Parts extends Required<
  Pick<FeatureParts, "api" | "resolvers" | "jobs" | "prune">
> {
  readonly hooks: readonly Hooks[];
  readonly listeners: readonly EventListener[];
  readonly routes: readonly Route[];
  readonly extensions: readonly SchemaExtension[];
  readonly cors: { readonly allowedHeaders: readonly string[]; readonly credentials: boolean };
  readonly announcements: readonly ((url: string) => string)[];
  /** Applies the schema change of each feature, in the order of the features. */
  transformSchema(schema: GraphQLSchema): GraphQLSchema;
}

/**
 * Builds the features one after another, in their order.
 * @param coreOf the core that a feature gets
 * @param onCreated called with what closes a feature, as soon as it has been created
 */
export async function createParts(
  features: readonly Feature[],
  coreOf: (feature: Feature) => Core,
  config: AuthConfig,
  onCreated: (close: () => Promise<void>) => void,
): Promise<Parts> {
  const shown = forFeatures(config);
  const parts: FeatureParts[] = [];
  for (const feature of features) {
    const part = await feature.create(coreOf(feature), shown);
    if (part.close !== undefined) onCreated(part.close);
    parts.push(part);
  }
  return {
    api: Object.assign({}, ...parts.map(({ api }) => api)) as object,
    resolvers: parts.flatMap(({ resolvers = [] }) => resolvers),
    extensions: parts.flatMap(({ extension }) => extension ?? []),
    jobs: parts.flatMap(({ jobs = [] }) => jobs),
    prune: parts.flatMap(({ prune = [] }) => prune),
    hooks: parts.flatMap(({ hooks }) => hooks ?? []),
    listeners: parts.flatMap(({ onEvent }) => onEvent ?? []),
    routes: parts.flatMap(({ routes = [] }) => routes),
    announcements: parts.flatMap(({ announce }) => announce ?? []),
    cors: {
      allowedHeaders: parts.flatMap(({ cors }) => cors?.allowedHeaders ?? []),
      credentials: parts.some(({ cors }) => cors?.credentials === true),
    },
    transformSchema: (schema) =>
      parts.reduce((changed, part) => part.transformSchema?.(changed) ?? changed, schema),
  };
}
