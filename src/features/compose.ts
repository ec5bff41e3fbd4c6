import type { GraphQLSchema } from "graphql";
import type { Hooks } from "../authentication/hooks.js";
import { type AuthConfig, configFor } from "../config/auth-config.js";
import { WrongSettings } from "../config/problems.js";
import type { Settings } from "../config/setting.js";
import { SERVER_SETTINGS } from "../config/server-settings.js";
import { AUTH_SETTINGS } from "../config/settings.js";
import type { EventListener } from "../events.js";
import { findMalformed } from "./check-feature.js";
import type { ApiOf, Core, Feature, FeatureConfig, FeatureParts } from "./feature.js";
import type { Route } from "./route.js";
import { attempt, failedToStart, withNamedErrors } from "./named-errors.js";
import type { RequestObserver, ResponseListener } from "./served-response.js";

/** The names of options that are not settings. No setting of a feature may have one of these names. */
const OTHER_OPTIONS = ["features", "secretKeys", "isDevelopment"];

/** The commands that do not come from a feature. */
const COMMANDS = [
  "help",
  "serve",
  "migrate",
  "prune",
  "rotate-keys",
  "generate-secret",
  "copy-database",
  "create-user",
  "list-users",
  "show-user",
  "set-password",
  "set-role",
  "delete-user",
  "export-user",
  "create-token",
  "unlock",
  "activate",
  "deactivate",
  "list-tokens",
  "revoke-token",
  "end-sessions",
];

/**
 * Returns Gatehouse's features, then the application's own.
 * @param own the application's features. Their types are checked at run time, because they may be written in
 * JavaScript.
 * @throws {@link WrongSettings} for example when a feature is malformed, or when two features have the same name
 */
export function requireCompatible(
  builtIn: readonly Feature[],
  own: readonly Feature[],
): readonly Feature[] {
  requireNone(findMalformed(own));
  const features = [...builtIn, ...own.map(withNamedErrors)];
  requireNone(findClashes(features));
  return features;
}

function requireNone(messages: readonly string[]): void {
  if (messages.length === 0) return;
  throw new WrongSettings(messages.map((message) => ({ option: "features", message })));
}

function findClashes(features: readonly Feature[]): string[] {
  const names = features.map(({ name }) => name);
  const tables = [AUTH_SETTINGS, SERVER_SETTINGS, ...features.map(({ settings = {} }) => settings)];
  const entries = tables.flatMap((table: Settings) => Object.entries(table));
  const options = entries.map(([option]) => option);
  const variables = entries.flatMap(([, { variable }]) => variable ?? []);
  const commands = features.flatMap((feature) => (feature.commands ?? []).map(({ name }) => name));
  return [
    // A name must not contain a colon, because the database records migrations as `feature:name`.
    ...names.filter((name) => !/^[\w-]+$/.test(name)).map((name) => `cannot be called ${name}`),
    ...repeated(names).map((name) => `two are called ${name}`),
    ...options
      .filter((option) => OTHER_OPTIONS.includes(option))
      .map((option) => `a setting cannot be called ${option}`),
    ...repeated(options).map((option) => `two settings are ${option}`),
    ...repeated(variables).map((variable) => `two settings have the variable ${variable}`),
    ...features.flatMap(({ name, migrations = [] }) =>
      repeated(migrations.map((migration) => migration.name)).map(
        (migration) => `two migrations of ${name} are called ${migration}`,
      ),
    ),
    ...repeated([...COMMANDS, ...commands]).map((command) => `two commands are called ${command}`),
  ];
}

/**
 * Checks two rules for each feature that is on:
 * - All features in its `requires` are on, and are listed before it.
 * - Each feature in its `uses` is off, or is listed before it.
 * @param features all features, on or off
 * @throws {@link WrongSettings} when a feature breaks one of the rules
 */
export function requireRequired(features: readonly Feature[], active: readonly Feature[]): void {
  const isIn = (list: readonly Feature[], required: string) =>
    list.some(({ name }) => name === required);
  requireNone(
    active.flatMap(({ name, requires = [], uses = [] }, index) => {
      const later = (other: string) => !isIn(active.slice(0, index), other);
      const required = requires.filter(later).map((other) => {
        const why = isIn(active, other)
          ? "must be listed before it"
          : isIn(features, other)
            ? "is off"
            : "is missing";
        return `${name} requires the feature ${other}, which ${why}`;
      });
      const used = uses
        .filter((other) => later(other) && isIn(active, other))
        .map((other) => `${name} uses the feature ${other}, which must be listed before it`);
      return [...required, ...used];
    }),
  );
}

function repeated(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}

export function forFeature(feature: Feature, config: AuthConfig): FeatureConfig {
  return configFor(feature, config) as FeatureConfig;
}

export function featuresThatAreOn(features: readonly Feature[], config: AuthConfig): Feature[] {
  const names = new Set<string>();
  return features.filter((feature) => {
    const { name, requires = [], uses = [] } = feature;
    const areOthersOn = [...requires, ...uses].every((other) => names.has(other));
    const isOn = feature.isOn?.(forFeature(feature, config), areOthersOn) ?? true;
    if (isOn) names.add(name);
    return isOn;
  });
}

export interface Parts extends Required<
  Pick<FeatureParts, "api" | "resolvers" | "jobs" | "measurements" | "prune">
> {
  readonly hooks: readonly Hooks[];
  readonly listeners: readonly EventListener[];
  readonly routes: readonly Route[];
  readonly cors: { readonly allowedHeaders: readonly string[]; readonly credentials: boolean };
  readonly announcements: readonly NonNullable<FeatureParts["announce"]>[];
  readonly responseListeners: readonly ResponseListener[];
  readonly requestObservers: readonly RequestObserver[];
  /** Returns a user's data as each feature stores it, by the feature's name. */
  exportUser(this: void, userId: string): Promise<Readonly<Record<string, unknown>>>;
  /** Applies the `extension` of each feature to the schema, then the `transformSchema` of each feature. */
  changeSchema(schema: GraphQLSchema): GraphQLSchema;
}

/**
 * Creates the features in order, and combines their parts.
 * @param onCreated called with the `close` of each feature, as soon as the feature has been created
 * @param authNames the names of the properties that `auth` has without features
 * @throws {@link WrongSettings} when a feature adds a property of `auth`, a job, a measurement or a route that exists
 * already
 */
export async function createParts(
  features: readonly Feature[],
  coreOf: (feature: Feature) => Core,
  config: AuthConfig,
  onCreated: (close: () => Promise<void>) => void,
  authNames: readonly string[],
): Promise<Parts> {
  const parts: FeatureParts[] = [];
  const apis = new Map<string, object>();
  for (const feature of features) {
    const reader = (list: "requires" | "uses") => (other: Pick<Feature, "name">) => {
      if (feature[list]?.includes(other.name)) return apis.get(other.name);
      throw new TypeError(`${feature.name} must name the feature ${other.name} in \`${list}\``);
    };
    const apiOf = Object.assign(reader("requires"), { ifOn: reader("uses") }) as ApiOf;
    const part = await feature.create(coreOf(feature), forFeature(feature, config), apiOf);
    if (part.close !== undefined) onCreated(part.close);
    parts.push(part);
    apis.set(feature.name, part.api ?? {});
  }
  requireNone(findPartClashes(features, parts, authNames));
  // Imported here, because a static import would load type-graphql even for `gatehouse --help`.
  const { extendWith } = await import("../graphql/schema.js");
  return {
    api: Object.assign({}, ...parts.map(({ api }) => api)) as object,
    resolvers: parts.flatMap(({ resolvers = [] }) => resolvers),
    jobs: parts.flatMap(({ jobs = [] }) => jobs),
    prune: parts.flatMap(({ prune = [] }) => prune),
    hooks: parts.flatMap(({ hooks }) => hooks ?? []),
    listeners: parts.flatMap(({ onEvent }) => onEvent ?? []),
    routes: parts.flatMap(({ routes = [] }) => routes),
    measurements: parts.flatMap(({ measurements = [] }) => measurements),
    responseListeners: parts.flatMap(({ onResponse }) => onResponse ?? []),
    requestObservers: parts.flatMap(({ observeRequest }) => observeRequest ?? []),
    announcements: parts.flatMap(({ announce }) => announce ?? []),
    cors: {
      allowedHeaders: parts.flatMap(({ cors }) => cors?.allowedHeaders ?? []),
      credentials: parts.some(({ cors }) => cors?.credentials === true),
    },
    exportUser: async (userId) => {
      const exported: Record<string, unknown> = {};
      for (const [index, { exportUser }] of parts.entries()) {
        if (exportUser !== undefined) {
          exported[features[index]?.name ?? ""] = await exportUser(userId);
        }
      }
      return exported;
    },
    changeSchema: (schema) => {
      const extended = parts.reduce((changed, { extension }, index) => {
        if (extension === undefined) return changed;
        const name = features[index]?.name ?? "";
        return attempt(failedToStart(name), () => extendWith(changed, extension));
      }, schema);
      return parts.reduce((changed, part) => part.transformSchema?.(changed) ?? changed, extended);
    },
  };
}

function findPartClashes(
  features: readonly Feature[],
  parts: readonly FeatureParts[],
  authNames: readonly string[],
): string[] {
  const api = new Set(authNames);
  const jobs = new Set<string>();
  const routes = new Set(["POST /graphql"]);
  const measured = new Set<string>();
  return parts.flatMap((part, index) => {
    const name = features[index]?.name ?? "";
    const jobNames = (part.jobs ?? []).map((job) => job.name);
    const measurements = (part.measurements ?? []).map((measurement) => measurement.name);
    const paths = (part.routes ?? []).map(({ method, path }) => `${method} ${path}`);
    return [
      ...addAll(api, Object.keys(part.api ?? {})).map((key) => `auth.${key}`),
      ...addAll(jobs, jobNames).map((job) => `a job called ${job}`),
      ...addAll(measured, measurements).map((measurement) => `the measurement ${measurement}`),
      ...addAll(routes, paths).map((route) => `the route ${route}`),
    ].map((added) => `${name} adds ${added}, which exists already`);
  });
}

/** Adds `names` to `taken`. Returns the names that were already in `taken`. */
function addAll(taken: Set<string>, names: readonly string[]): string[] {
  return names.filter((name) => taken.size === taken.add(name).size);
}
