import type { KeyObject } from "node:crypto";
import type { GraphQLSchema } from "graphql";
import type { EventStore } from "../accounts/user-transactions.js";
import type { AccountService } from "../accounts/account.service.js";
import type { Accounts } from "../accounts/accounts.js";
import type { LoginAttempts } from "../accounts/login-attempts.js";
import type { PasswordHasher } from "../accounts/password-hasher.js";
import type { SignInMethods } from "../accounts/sign-in-methods.js";
import type { Authentication } from "../authentication/authentication.js";
import type { AuthenticationService } from "../authentication/authentication.service.js";
import type { HookRunner, Hooks } from "../authentication/hooks.js";
import type { TokenIssuer } from "../authentication/token-issuer.js";
import type { TokenVerifier } from "../authentication/token-verifier.js";
import type { AuthConfig, SecretOption } from "../config/auth-config.js";
import type { Problem } from "../config/problems.js";
import type { ConfigOf, Settings } from "../config/setting.js";
import type { AuthEvent, Client, EventListener } from "../events.js";
import type { SchemaExtension } from "../graphql/schema.js";
import type { JsonWebKeySet } from "../keys/key-ring.js";
import type { SigningKeyService } from "../keys/signing-key.service.js";
import type { Job } from "../maintenance/maintenance.service.js";
import type { Measurement } from "../maintenance/measurement.js";
import type { PruneRule } from "../maintenance/prune-rule.js";
import type { SessionService } from "../sessions/session.service.js";
import type { Sessions } from "../sessions/sessions.js";
import type { Spans } from "../spans.js";
import type { Migration, Sql, StatementObserver, TransactionalSql } from "../sql.js";
import type { LimiterStore } from "../throttling/limiter.js";
import type { Throttle } from "../throttling/throttle.js";
import type { TokenKinds } from "../tokens/token-kinds.js";
import type { CommandOption, CommandOptions } from "./command-option.js";
import type { Route } from "./route.js";
import type { RequestObserver, ResponseListener } from "./served-response.js";

/**
 * An addition to the server, such as GraphQL fields, HTTP routes or database tables.
 * @template S the feature's settings, which become options of `createAuth` and `createServer`
 * @template Api the properties that the feature adds to the result of `createAuth`
 */
export interface Feature<S extends Settings = Settings, Api extends object = object> {
  /** Must be unique among all features, including Gatehouse's own. */
  readonly name: string;
  /** The names of features that must be on, and must be listed before this feature. */
  readonly requires?: readonly string[];
  /** The names of features that this feature uses only if they are on. They must be listed before this feature. */
  readonly uses?: readonly string[];
  readonly settings?: S;
  /**
   * Loads the MikroORM entities of the feature's tables. Only tests that compare the tables with the entities call
   * this.
   */
  loadEntities?(this: void): Promise<readonly (abstract new () => object)[]>;
  /**
   * Gatehouse applies these migrations in order, after its own. Each item of `statements` must be exactly one SQL
   * statement. The database records each migration as `feature:name`.
   */
  readonly migrations?: readonly Migration[];
  /**
   * Returns whether the settings switch the feature on. If the feature is off, Gatehouse checks its settings, but does
   * not create its parts. Commands of the feature then fail with an error.
   * @param areOthersOn whether all features in `requires` and `uses` are on
   * @default always on
   */
  isOn?(this: void, config: FeatureConfig<S>, areOthersOn: boolean): boolean;
  /** Returns the problems of settings that contradict each other, such as a minimum that is larger than the maximum. */
  findProblems?(this: void, config: FeatureConfig<S>): readonly Problem[];
  /**
   * The subcommands that the feature adds to `gatehouse`. If they use the API, put `commands` after `create`, because
   * TypeScript infers the type of the API from `create`.
   */
  readonly commands?: readonly FeatureCommand<S, Api>[];
  /**
   * Creates the feature's parts. Called once, after the migrations.
   * @param apiOf returns the API of a feature in `requires` or `uses`
   */
  create(
    this: void,
    core: Core,
    config: FeatureConfig<S>,
    apiOf: ApiOf,
  ): FeatureParts<Api> | Promise<FeatureParts<Api>>;
}

/** The part of {@link Feature} from which TypeScript infers the type of the API. */
interface FeatureWithApi<Api extends object> {
  readonly name: string;
  create(...args: never): FeatureParts<Api> | Promise<FeatureParts<Api>>;
}

/** Returns the API of another feature. */
export interface ApiOf {
  /** @throws TypeError if the calling feature does not list the other feature in `requires` */
  <Api extends object>(feature: FeatureWithApi<Api>): Api;
  /**
   * Returns undefined if the other feature is off.
   * @throws TypeError if the calling feature does not list the other feature in `uses`
   */
  ifOn<Api extends object>(this: void, feature: FeatureWithApi<Api>): Api | undefined;
}

/**
 * The settings that a feature can read: its own, and those of `createAuth` except the secrets in {@link SecretOption}.
 */
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
  /** Called after each event, such as a login. If the function fails, Gatehouse only prints a warning. */
  readonly onEvent?: EventListener;
  readonly routes?: readonly Route[];
  /**
   * Lets pages of the origins in `corsOrigins` send further headers, and cookies if `credentials` is true. By default,
   * such pages may send only the headers `Authorization` and `Content-Type`.
   */
  readonly cors?: { readonly allowedHeaders: readonly string[]; readonly credentials: boolean };
  readonly jobs?: readonly Job[];
  /** Values for monitoring, such as the length of a queue. */
  readonly measurements?: readonly Measurement[];
  /**
   * Called after each response of the server, but not after a request that Node or Fastify cannot parse. Not called if
   * an application embeds Gatehouse. If the function fails, Gatehouse only prints a warning.
   */
  readonly onResponse?: ResponseListener;
  /** @internal */
  readonly observeRequest?: RequestObserver;
  /** Rules for deleting old rows of the feature's tables. A running server and `gatehouse prune` apply the rules. */
  readonly prune?: readonly PruneRule[];
  /**
   * Returns the data that the feature stores about a user, without secrets. `gatehouse export-user` prints it as JSON.
   */
  readonly exportUser?: (userId: string) => Promise<unknown>;
  /**
   * Called when the server listens. Returns a line that `gatehouse serve` prints. An error stops the server.
   * @param url the server's URL
   */
  readonly announce?: (url: string) => string | Promise<string>;
  /** Called at shutdown, while the database is still open. Must finish within 5 seconds. */
  readonly close?: () => Promise<void>;
}

/** A subcommand of `gatehouse`. */
export interface FeatureCommand<S extends Settings = Settings, Api extends object = object> {
  readonly name: string;
  /** One line of text for `--help`. */
  readonly description: string;
  /** The arguments, in order: `<name>` is required, `[name]` is not. @default none */
  readonly arguments?: readonly string[];
  /** The options, such as `--days <number>`. @default none */
  readonly options?: readonly CommandOption[];
  /** An example for `--help`, without `gatehouse`, such as `suspend ada`. @default none */
  readonly example?: string;
  /**
   * Runs the command. Gatehouse closes the core afterwards.
   * @param args the values of the arguments, in order; undefined for an optional argument that was not given
   * @param print writes one line to standard output, and escapes control characters and invisible characters
   * @param options the values of the options
   * @param api the properties that `create` returned as `api`
   * @throws Error to make the command fail. Gatehouse prints its message on standard error.
   */
  run(
    this: void,
    core: Core,
    config: FeatureConfig<S>,
    args: readonly (string | undefined)[],
    print: (line: string) => void,
    options: CommandOptions,
    api: Api,
  ): Promise<void>;
}

/** The services that a feature can use. */
export interface Core {
  /** Runs single SQL statements on SQLite or PostgreSQL. */
  readonly sql: Sql;
  /** Returns the current time in epoch milliseconds. */
  readonly now: () => number;
  /** Reports an event to all listeners, such as the audit trail. */
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
  /** Adds a function that stores events of changes to users. The function runs in the transaction of the change. */
  storeEventsWith(this: void, store: EventStore): void;
  readonly accounts: AccountService;
  readonly authentication: AuthenticationService;
  readonly sessions: SessionService;
  readonly keys: SigningKeyService;
  readonly kinds: TokenKinds;
  readonly issuer: TokenIssuer;
  readonly verifier: TokenVerifier;
  readonly hasher: PasswordHasher;
  readonly attempts: LoginAttempts;
  readonly signInMethods: SignInMethods;
  readonly throttle: Throttle;
  readonly hooks: HookRunner;
  readonly spans: Spans;
  /** Derives a feature's keys from the root secrets. The first key is from the current secret. */
  deriveKeys(this: void, feature: string): readonly KeyObject[];
  /** The folder of the generated root secret. Features may keep files in this folder. */
  readonly dataFolder: string;
  readonly createLimiter: LimiterStore["createLimiter"];
  /** Returns the measurements of the core and of all features. */
  measurements(this: void): readonly Measurement[];
  /** Returns whether the database takes writes. For example, a database whose disk is full takes none. */
  isWritable(this: void): Promise<boolean>;
  /** Calls `observer` after each SQL statement from now on. */
  observeStatements(this: void, observer: StatementObserver): void;
  /** Writes a line to the server's log. Does nothing when an application embeds Gatehouse. */
  log(this: void, line: string): void;
}

/**
 * Returns the feature unchanged. TypeScript infers the types of its settings and its API from the call.
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
