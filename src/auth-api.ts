import type { IResolvers } from "@graphql-tools/utils";
import type { GraphQLSchema } from "graphql";
import type { Accounts } from "./accounts/accounts.js";
import type { Authentication } from "./authentication/authentication.js";
import type { CreateContext } from "./authentication/context.js";
import type { CoreOptions } from "./config/auth-config.js";
import type { Feature } from "./features/feature.js";
import type { FeatureApi, FeatureOptions } from "./features/feature-types.js";
import type { Route } from "./features/route.js";
import type { BUILT_IN } from "./features/index.js";
import type { Subgraph } from "./graphql/subgraph.js";
import type { JsonWebKeySet } from "./keys/key-ring.js";
import type { Keys } from "./keys/keys.js";
import type { Maintenance } from "./maintenance/maintenance.js";
import type { GuardOptions } from "./permissions/guard-map.js";
import type { Sessions } from "./sessions/sessions.js";

export type BuiltIn = typeof BUILT_IN;

/** The options of `createAuth`: the options of the core and of the features. */
export type AuthOptions<F extends readonly Feature[] = []> = CoreOptions &
  FeatureOptions<[...BuiltIn, ...F]> & {
    /** The application's own features. @default none */
    readonly features?: F;
  };

/**
 * The result of `createAuth`: the schema, the services, and the properties that features add. If a feature is off, its
 * properties are undefined, although their types do not say so. For example, `auth.mail` is undefined without
 * `smtpUrl`.
 */
export type Auth<F extends readonly Feature[] = []> = CoreAuth & FeatureApi<[...BuiltIn, ...F]>;

interface CoreAuth {
  /** The complete schema, which enforces `@auth` and `@public`. */
  readonly schema: GraphQLSchema;
  /** {@link Auth.schema} in SDL, with directives. Meant for merging with other type definitions. */
  readonly typeDefs: string;
  /**
   * The guarded resolvers of {@link Auth.typeDefs}. Fields that you add to the schema are not guarded. To guard them,
   * pass the merged schema to {@link Auth.guard}.
   */
  readonly resolvers: IResolvers;
  /**
   * Returns the type definitions and resolvers of a subgraph of Apollo Federation 2. They contain
   * `User @key(fields: "id")` and `PageInfo @shareable`.
   */
  subgraph(): Subgraph;
  /**
   * Builds the context of a request, with the signed-in user. If the credential is refused, does not throw, but sets
   * `authError` in the context.
   * @param request a request of Node, Fastify, Express or the Fetch API. @default none: no user is signed in
   * @param options pass `ipAddress` if the request has no address, as in the Fetch API. All requests without an address
   * are counted together in the rate limits.
   * @throws TypeError when an argument has the wrong shape
   * @example
   * const handle = (request: Request, ipAddress: string) => auth.createContext(request, { ipAddress });
   */
  readonly createContext: CreateContext;
  /**
   * Returns a copy of a schema that enforces `@auth` and `@public`. By default, a root field without a directive needs
   * a signed-in user, except for federation's `_service`.
   * @throws TypeError that lists all wrong guards, such as a guard with an unknown role
   */
  guard(schema: GraphQLSchema, options?: GuardOptions): GraphQLSchema;
  /** Creates, finds and administers users. */
  readonly accounts: Accounts;
  /** Logs users in and out, and refreshes and verifies tokens. */
  readonly authentication: Authentication;
  /** Lists and ends the sessions of users. */
  readonly sessions: Sessions;
  /** Rotates and revokes the keys that sign access tokens. */
  readonly keys: Keys;
  /**
   * Deletes expired rows, rotates keys, and runs the jobs of features. `createServer` starts maintenance. With
   * `createAuth`, call `maintenance.start`.
   */
  readonly maintenance: Maintenance;
  /** The HTTP routes of features. */
  readonly routes: readonly Route[];
  /** Returns the public keys that verify access tokens. @see RFC 7517 5 */
  jwks(): JsonWebKeySet;
  /** Returns whether the database answers and the server is not stopping. */
  isReady(): Promise<boolean>;
  /**
   * Stops maintenance, and closes the features and the database. Later uses of the database fail with {@link Closed}.
   */
  close(): Promise<void>;
}

const NAMES: Readonly<Record<keyof CoreAuth, true>> = {
  schema: true,
  typeDefs: true,
  resolvers: true,
  subgraph: true,
  createContext: true,
  guard: true,
  accounts: true,
  authentication: true,
  sessions: true,
  keys: true,
  maintenance: true,
  routes: true,
  jwks: true,
  isReady: true,
  close: true,
};

/** The names that a feature must not use for a property of `auth`. */
export const AUTH_NAMES: readonly string[] = Object.keys(NAMES);
