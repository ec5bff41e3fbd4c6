import type { KeyObject } from "node:crypto";
import type { GraphQLSchema } from "graphql";
import type { AccountService } from "../accounts/account.service.js";
import type { Accounts } from "../accounts/accounts.js";
import type { Authentication } from "../authentication/authentication.js";
import type { AuthenticationService } from "../authentication/authentication.service.js";
import type { HookRunner, Hooks } from "../authentication/hooks.js";
import type { TokenIssuer } from "../authentication/token-issuer.js";
import type { AuthConfig } from "../config/auth-config.js";
import type { Problem } from "../config/problems.js";
import type { ConfigOf, OptionsOf, Settings } from "../config/setting.js";
import type { AuthEvent, Client, EventListener } from "../events.js";
import type { SchemaExtension } from "../graphql/schema.js";
import type { JsonWebKeySet } from "../keys/key-ring.js";
import type { SigningKeyService } from "../keys/signing-key.service.js";
import type { Job } from "../maintenance/maintenance.service.js";
import type { PruneRule } from "../maintenance/prune-rule.js";
import type { SessionService } from "../sessions/session.service.js";
import type { Sessions } from "../sessions/sessions.js";
import type { Migration, Sql, TransactionalSql } from "../sql.js";
import type { TokenKinds } from "../tokens/token-kinds.js";

/**
 * A capability that can be added to the core or left out: an object with a name, settings, tables, and a function that
 * builds the feature's parts once the core is open.
 * @template S the settings, which become options of `createAuth` and `createServer`
 * @template Api the properties to add to the result of `createAuth`
 */
export interface Feature<S extends Settings = Settings, Api extends object = object> {
  /** Unique among all features, including those that come with Gatehouse. */
  readonly name: string;
  /** The names of other features that this feature uses. They must be on, and listed before this feature. */
  readonly requires?: readonly string[];
  readonly settings?: S;
  /** The MikroORM entities of the feature's tables. */
  readonly entities?: readonly (abstract new () => object)[];
  /**
   * Applied in this order, after the core's migrations. Each text in `statements` holds exactly one SQL statement. The
   * database records each migration as `feature:name`.
   */
  readonly migrations?: readonly Migration[];
  /**
   * Returns whether the settings switch the feature on. A feature that is off adds only its settings. Its commands then
   * fail with an error that says that the feature is off.
   * @default always on
   */
  isOn?(this: void, config: FeatureConfig<S>): boolean;
  /** Returns the problems that the check of a single setting cannot find. */
  findProblems?(this: void, config: FeatureConfig<S>): readonly Problem[];
  /** The subcommands that the feature adds to `gatehouse`. */
  readonly commands?: readonly FeatureCommand<S>[];
  /**
   * Builds the feature's parts. Called once, when the database is migrated and the core is open.
   * @param apiOf returns the API of a feature that `requires` names
   */
  create(
    this: void,
    core: Core,
    config: FeatureConfig<S>,
    apiOf: ApiOf,
  ): FeatureParts<Api> | Promise<FeatureParts<Api>>;
}

/**
 * Returns the API of another feature, which exists already.
 * @throws TypeError when the caller's `requires` does not name that feature
 */
export type ApiOf = <Api extends object>(feature: {
  readonly name: string;
  create(...args: never): FeatureParts<Api> | Promise<FeatureParts<Api>>;
}) => Api;

/** The core's configuration without {@link SecretOption}, together with the feature's own settings. */
export type FeatureConfig<S extends Settings = Settings> = Omit<AuthConfig, SecretOption> &
  ConfigOf<S>;

/** The options that no feature sees: secrets, addresses that may hold a password, and the application's listener. */
export type SecretOption = "secretKeys" | "databaseUrl" | "redisUrl" | "onEvent";

/** The parts of a feature that is on. */
export interface FeatureParts<Api extends object = object> {
  /** The properties to add to the result of `createAuth`. */
  readonly api?: Api;
  /** Instances of type-graphql's resolver classes. */
  readonly resolvers?: readonly object[];
  /** Further fields in SDL, such as `extend type Mutation { … @auth }`, with their resolvers. */
  readonly extension?: SchemaExtension;
  /** Changes the schema as a whole, before Gatehouse adds the guards. */
  readonly transformSchema?: (schema: GraphQLSchema) => GraphQLSchema;
  readonly hooks?: Hooks;
  /** Called for each event of the audit trail, after it happened. A failure only prints a warning. */
  readonly onEvent?: EventListener;
  readonly routes?: readonly Route[];
  /**
   * Further CORS permissions for pages of the origins in `corsOrigins`. Without these permissions, such pages may send
   * the headers `Authorization` and `Content-Type`, but no cookies.
   */
  readonly cors?: { readonly allowedHeaders: readonly string[]; readonly credentials: boolean };
  readonly jobs?: readonly Job[];
  /** The rows of the feature's tables that `gatehouse prune` and a running server delete. */
  readonly prune?: readonly PruneRule[];
  /** Returns a line that `gatehouse serve` prints at its start. @param url where the server listens */
  readonly announce?: (url: string) => string;
  /** Runs when the server or the application closes, while the database is open. It may take at most 5 seconds. */
  readonly close?: () => Promise<void>;
}

/** An HTTP route. It uses the `Request` and `Response` of the Fetch API, so that an application can mount it, too. */
export interface Route {
  readonly method: "GET" | "POST";
  /** Starts with a slash, such as `/health/live`. */
  readonly path: string;
  /** Whether each request is logged. Set it to false for frequent probes. @default true */
  readonly isLogged?: boolean;
  /**
   * @param request its body is unchanged, and may have any content type
   * @param client to pass to `core.authentication`, so that rate limits and the audit trail know the address
   * @throws {@link AuthError} to refuse the request: the server answers with the HTTP status of the error's code
   */
  handle(this: void, request: Request, client: Client): Response | Promise<Response>;
}

/** A subcommand of `gatehouse`. */
export interface FeatureCommand<S extends Settings = Settings> {
  readonly name: string;
  /** One line of text for `--help`. */
  readonly description: string;
  /** The arguments, in order: `<name>` is required, `[name]` is not. @default none */
  readonly arguments?: readonly string[];
  /** A command line for `--help`, without `gatehouse`, such as `suspend ada`. @default none */
  readonly example?: string;
  /**
   * Runs while the core is open. Gatehouse closes the core afterwards.
   * @param args the values of the command's arguments; undefined for an optional argument that was not given
   * @param print writes one line to standard output
   * @throws Error whose message is printed as one line on standard error
   */
  run(
    this: void,
    core: Core,
    config: FeatureConfig<S>,
    args: readonly (string | undefined)[],
    print: (line: string) => void,
  ): Promise<void>;
}

/** The open core, as an application's features use it. */
export interface Core {
  /** Runs single SQL statements on SQLite or PostgreSQL. */
  readonly sql: Sql;
  /** The clock, in epoch milliseconds. */
  readonly now: () => number;
  /** Reports an event to the audit trail. */
  readonly onEvent: (event: AuthEvent, client: Client) => void;
  readonly accounts: Accounts;
  readonly authentication: Authentication;
  readonly sessions: Sessions;
  /** Returns the public keys that verify access tokens. @see RFC 7517 5 */
  jwks(this: void): JsonWebKeySet;
  /** Returns whether the database answers and the server is not about to stop. */
  isReady(this: void): Promise<boolean>;
}

/**
 * The core including its internal services, for the features that come with Gatehouse.
 * @internal
 */
export interface CoreServices extends Core {
  readonly sql: TransactionalSql;
  readonly accounts: AccountService;
  readonly authentication: AuthenticationService;
  readonly sessions: SessionService;
  readonly keys: SigningKeyService;
  readonly kinds: TokenKinds;
  readonly issuer: TokenIssuer;
  /** Runs the hooks of all features. */
  readonly hooks: HookRunner;
  /** Derives a feature's keys from the root secrets: first the current key, then those of the previous secrets. */
  deriveKeys(this: void, feature: string): readonly KeyObject[];
}

/**
 * Returns the feature unchanged. TypeScript infers the types of its settings and its API.
 * @example
 * export const hello = defineFeature({
 *   name: "hello",
 *   create: () => ({
 *     routes: [{ method: "GET", path: "/hello", handle: () => new Response("Hello.") }],
 *   }),
 * });
 */
export function defineFeature<S extends Settings = Settings, Api extends object = object>(
  feature: Feature<S, Api>,
): Feature<S, Api> {
  return feature;
}

/** The options that a feature adds. A feature without settings adds no options: its `S` is {@link Settings}. */
type OptionsAdded<F> =
  F extends Feature<infer S> ? (string extends keyof S ? unknown : OptionsOf<S>) : never;

type ApiAdded<F> = F extends Feature<Settings, infer Api> ? Api : never;

/** All options that the features add. */
export type FeatureOptions<F extends readonly Feature[]> = {
  [Index in keyof F]: (options: OptionsAdded<F[Index]>) => void;
}[number] extends (options: infer Options) => void
  ? Options
  : never;

/** All properties that the features add to the result of `createAuth`. */
export type FeatureApi<F extends readonly Feature[]> = {
  [Index in keyof F]: (api: ApiAdded<F[Index]>) => void;
}[number] extends (api: infer Api) => void
  ? Api
  : never;
