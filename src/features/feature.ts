import type { KeyObject } from "node:crypto";
import type { GraphQLSchema } from "graphql";
import type { EventStore } from "../accounts/account-changes.js";
import type { AccountService } from "../accounts/account.service.js";
import type { Accounts } from "../accounts/accounts.js";
import type { PasswordHasher } from "../accounts/password-hasher.js";
import type { Authentication } from "../authentication/authentication.js";
import type { AuthenticationService } from "../authentication/authentication.service.js";
import type { HookRunner, Hooks } from "../authentication/hooks.js";
import type { TokenIssuer } from "../authentication/token-issuer.js";
import type { TokenVerifier } from "../authentication/token-verifier.js";
import type { AuthConfig, SecretOption } from "../config/auth-config.js";
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
import type { LimiterStore } from "../throttling/limiter.js";
import type { Throttle } from "../throttling/throttle.js";
import type { TokenKinds } from "../tokens/token-kinds.js";

/**
 * An addition to the server, such as GraphQL fields, HTTP routes or database tables.
 * @template S the settings, which become options of `createAuth` and `createServer`
 * @template Api the properties to add to the result of `createAuth`
 */
export interface Feature<S extends Settings = Settings, Api extends object = object> {
  /** Unique among all features, including those that come with Gatehouse. */
  readonly name: string;
  /** The names of features that must be on, and must be listed before this feature. */
  readonly requires?: readonly string[];
  /** The names of features that this feature uses if they are on. They must be listed before this feature. */
  readonly uses?: readonly string[];
  readonly settings?: S;
  /** The MikroORM entities of the feature's tables. */
  readonly entities?: readonly (abstract new () => object)[];
  /**
   * Gatehouse applies these migrations in order, after its own. Each item of `statements` is exactly one SQL statement.
   * The database records each migration as `feature:name`.
   */
  readonly migrations?: readonly Migration[];
  /**
   * Returns whether the settings switch the feature on. If a feature is off, Gatehouse still checks its settings, but
   * uses no other part of it. A command of the feature fails with an error that says that the feature is off.
   * @param areOthersOn whether all features in `requires` and `uses` are on
   * @default always on
   */
  isOn?(this: void, config: FeatureConfig<S>, areOthersOn: boolean): boolean;
  /** Returns the problems that a check of one setting alone cannot find, such as a minimum above a maximum. */
  findProblems?(this: void, config: FeatureConfig<S>): readonly Problem[];
  /** The subcommands that the feature adds to `gatehouse`. */
  readonly commands?: readonly FeatureCommand<S>[];
  /**
   * Builds the feature's parts. Called once, after the migrations.
   * @param apiOf returns the API of a feature that `requires` or `uses` names
   */
  create(
    this: void,
    core: Core,
    config: FeatureConfig<S>,
    apiOf: ApiOf,
  ): FeatureParts<Api> | Promise<FeatureParts<Api>>;
}

/** The parts of a feature from which {@link ApiOf} reads the type of its API. */
interface FeatureWithApi<Api extends object> {
  readonly name: string;
  create(...args: never): FeatureParts<Api> | Promise<FeatureParts<Api>>;
}

/** Returns the API of another feature. That feature was created earlier. */
export interface ApiOf {
  /** @throws TypeError when the calling feature does not list `feature` in its `requires` */
  <Api extends object>(feature: FeatureWithApi<Api>): Api;
  /**
   * Returns undefined if that feature is off.
   * @throws TypeError when the caller's `uses` does not name that feature
   */
  ifOn<Api extends object>(this: void, feature: FeatureWithApi<Api>): Api | undefined;
}

/** The settings that a feature can read: its own, and those of `createAuth`. It cannot read a {@link SecretOption}. */
export type FeatureConfig<S extends Settings = Settings> = Omit<AuthConfig, SecretOption> &
  ConfigOf<S>;

/** The parts that a feature adds to the server. */
export interface FeatureParts<Api extends object = object> {
  /** The properties to add to the result of `createAuth`. */
  readonly api?: Api;
  /** Instances of type-graphql's resolver classes. */
  readonly resolvers?: readonly object[];
  /** Further fields in SDL, such as `extend type Mutation { … @auth }`, with their resolvers. */
  readonly extension?: SchemaExtension;
  /** Changes the whole schema. Called before Gatehouse adds the checks of `@auth`. */
  readonly transformSchema?: (schema: GraphQLSchema) => GraphQLSchema;
  readonly hooks?: Hooks;
  /** Called after each event of the audit trail. An error in this function only prints a warning. */
  readonly onEvent?: EventListener;
  readonly routes?: readonly Route[];
  /**
   * Pages of the origins in `corsOrigins` can always send the headers `Authorization` and `Content-Type`.
   * `allowedHeaders` allows further headers. `credentials: true` allows cookies.
   */
  readonly cors?: { readonly allowedHeaders: readonly string[]; readonly credentials: boolean };
  readonly jobs?: readonly Job[];
  /** Rules for deleting old rows of the feature's tables. A running server and `gatehouse prune` apply the rules. */
  readonly prune?: readonly PruneRule[];
  /** Returns what the feature stores about a user, without secrets, as JSON. `gatehouse export-user` prints it. */
  readonly exportUser?: (userId: string) => Promise<unknown>;
  /** Returns a line that `gatehouse serve` prints when it starts. @param url the server's URL */
  readonly announce?: (url: string) => string;
  /** Called at shutdown, while the database is still open. Must finish within 5 seconds. */
  readonly close?: () => Promise<void>;
}

/** The HTTP methods of routes. The server also answers `HEAD` where it serves `GET`. */
export const ROUTE_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

/**
 * An HTTP route. It uses the `Request` and `Response` of the Fetch API, so applications can serve the route themselves.
 */
export interface Route {
  readonly method: (typeof ROUTE_METHODS)[number];
  /** Starts with a slash, such as `/health/live`. */
  readonly path: string;
  /** Whether each request is logged. Set it to false for frequent probes. @default true */
  readonly isLogged?: boolean;
  /**
   * Answers a request.
   * @param request has the unparsed body, of any content type
   * @param client pass it to `core.authentication`, which needs the address for rate limits and the audit trail
   * @throws {@link AuthError} to refuse the request. The error's code decides the HTTP status.
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
  /** The options, such as `--days <number>`. @default none */
  readonly options?: readonly CommandOption[];
  /** A command line for `--help`, without `gatehouse`, such as `suspend ada`. @default none */
  readonly example?: string;
  /**
   * Runs the command. Gatehouse closes the core afterwards.
   * @param args the values of the arguments, in order; undefined for an optional argument that was not given
   * @param print writes one line to standard output
   * @param options the values of the options
   * @throws Error to make the command fail. Gatehouse prints the message on standard error.
   */
  run(
    this: void,
    core: Core,
    config: FeatureConfig<S>,
    args: readonly (string | undefined)[],
    print: (line: string) => void,
    options: CommandOptions,
  ): Promise<void>;
}

/** An option of a {@link FeatureCommand}. */
export interface CommandOption {
  /** In lower case, without the dashes, such as `dry-run`. `database` and `help` are taken. */
  readonly name: string;
  /** The name of the value in `--help`, such as `number`. Left out: the option is a switch without a value. */
  readonly value?: string;
  /** One line of text for `--help`. */
  readonly description: string;
  /** The only values that the option accepts. @default all */
  readonly choices?: readonly string[];
  /** The value if the option is not given, for an option with a value. @default undefined */
  readonly default?: string;
  /** Whether the command fails without the option. @default false */
  readonly isRequired?: boolean;
}

/**
 * The options of a command by name: `days` or, for `--dry-run`, `dryRun`. The value of a switch is `true`. An option that
 * was not given is missing. `database` may be there, too.
 */
export type CommandOptions = Readonly<Record<string, string | true | undefined>>;

/** The services that a feature can use. */
export interface Core {
  /** Runs single SQL statements on SQLite or PostgreSQL. */
  readonly sql: Sql;
  /** Returns the current time in epoch milliseconds. */
  readonly now: () => number;
  /** Reports an event to the audit trail. */
  readonly onEvent: (event: AuthEvent, client: Client) => void;
  readonly accounts: Accounts;
  readonly authentication: Authentication;
  readonly sessions: Sessions;
  /** Returns the public keys that verify access tokens. @see RFC 7517 5 */
  jwks(this: void): JsonWebKeySet;
  /** Returns whether the server can take requests: the database answers, and no shutdown has begun. */
  isReady(this: void): Promise<boolean>;
}

/**
 * The core with its internal services, for Gatehouse's own features.
 * @internal
 */
export interface CoreServices extends Core {
  readonly sql: TransactionalSql;
  /** Adds a function that stores the events of a change of a user in the transaction of the change. */
  storeEventsWith(this: void, store: EventStore): void;
  readonly accounts: AccountService;
  readonly authentication: AuthenticationService;
  readonly sessions: SessionService;
  readonly keys: SigningKeyService;
  readonly kinds: TokenKinds;
  readonly issuer: TokenIssuer;
  readonly verifier: TokenVerifier;
  readonly hasher: PasswordHasher;
  readonly throttle: Throttle;
  /** Runs the hooks of all features. */
  readonly hooks: HookRunner;
  /** Derives a feature's keys from the root secrets: first the current key, then those of the previous secrets. */
  deriveKeys(this: void, feature: string): readonly KeyObject[];
  /** The folder of files that are kept beside the database. */
  readonly dataFolder: string;
  /** Creates a limiter in the configured store. */
  readonly createLimiter: LimiterStore["createLimiter"];
  /** Writes a line to the server's log. Does nothing when an application embeds Gatehouse. */
  log(this: void, line: string): void;
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

/**
 * The options that a feature adds. A feature without settings adds none. Its `S` is the general type `Settings`, whose
 * keys are `string`.
 */
type OptionsAdded<F> =
  F extends Feature<infer S> ? (string extends keyof S ? unknown : OptionsOf<S>) : never;

type ApiAdded<F> = F extends Feature<Settings, infer Api> ? Api : never;

/** The options of all features, as an intersection type. */
export type FeatureOptions<F extends readonly Feature[]> = {
  [Index in keyof F]: (options: OptionsAdded<F[Index]>) => void;
}[number] extends (options: infer Options) => void
  ? Options
  : never;

/** The API properties of all features, as an intersection type. */
export type FeatureApi<F extends readonly Feature[]> = {
  [Index in keyof F]: (api: ApiAdded<F[Index]>) => void;
}[number] extends (api: infer Api) => void
  ? Api
  : never;
