import type { IResolvers } from "@graphql-tools/utils";
import type { GraphQLSchema } from "graphql";
import type { Accounts } from "./accounts/accounts.js";
import { requireKnownRoles } from "./accounts/known-roles.js";
import { addMissingSkeletons } from "./accounts/missing-skeletons.js";
import type { Roles } from "./accounts/role.js";
import type { Authentication } from "./authentication/authentication.js";
import type { CreateContext } from "./authentication/context.js";
import { createContextBuilder } from "./authentication/create-context.js";
import type { AuthConfig, CoreOptions } from "./config/auth-config.js";
import { Database } from "./database/database.js";
import { publishTo, warn } from "./events.js";
import { createParts, featuresThatAreOn, type Parts, requireRequired } from "./features/compose.js";
import { createCore } from "./features/create-core.js";
import type {
  CoreServices,
  Feature,
  FeatureApi,
  FeatureOptions,
  Route,
} from "./features/feature.js";
import { type BUILT_IN, coreFor } from "./features/index.js";
import { AuthenticationResolver } from "./graphql/authentication.resolver.js";
import { createSchema, printSchema, resolversOf } from "./graphql/schema.js";
import { SessionResolver } from "./graphql/session.resolver.js";
import { createSubgraph, type Subgraph } from "./graphql/subgraph.js";
import type { JsonWebKeySet } from "./keys/key-ring.js";
import type { Keys } from "./keys/keys.js";
import { SigningKeyService } from "./keys/signing-key.service.js";
import type { Maintenance } from "./maintenance/maintenance.js";
import type { MaintenanceService } from "./maintenance/maintenance.service.js";
import { findCredentialMutations, withCredentialFields } from "./permissions/credential-fields.js";
import type { GuardOptions } from "./permissions/guard-map.js";
import { guardSchema } from "./permissions/guards.js";
import type { Sessions } from "./sessions/sessions.js";
import { openLimiterStore } from "./throttling/limiter-store.js";

type BuiltIn = typeof BUILT_IN;

/** The options of `createAuth`: the core's options and the features' options. */
export type AuthOptions<F extends readonly Feature[] = []> = CoreOptions &
  FeatureOptions<[...BuiltIn, ...F]> & {
    /** The application's own features. @default none */
    readonly features?: F;
  };

/**
 * The result of `createAuth`: the schema, the services, and the properties that features add. A property of a feature is
 * undefined while the feature is off, although its type does not say so: `auth.mail` without `smtpUrl`, and
 * `auth.auditTrail` with `auditRetention: false`.
 */
export type Auth<F extends readonly Feature[] = []> = CoreAuth & FeatureApi<[...BuiltIn, ...F]>;

/** {@link Auth} without the properties that features add. */
interface CoreAuth {
  /** The complete guarded schema. */
  readonly schema: GraphQLSchema;
  /** {@link Auth.schema} in SDL, with directives, for merging with other type definitions. */
  readonly typeDefs: string;
  /**
   * The guarded resolvers of {@link Auth.typeDefs}. Fields that you add to the schema are not guarded. To guard them,
   * pass the merged schema to {@link Auth.guard}.
   */
  readonly resolvers: IResolvers;
  /**
   * Returns the type definitions and resolvers for a subgraph of Apollo Federation 2. They contain
   * `User @key(fields: "id")` and `PageInfo @shareable`.
   */
  subgraph(): Subgraph;
  /**
   * Builds the context of one request, with the signed-in user. `createContext` does not throw for a refused
   * credential. The context then holds the error.
   * @param request a request of Node, Fastify, Express or the Fetch API. Without a request, the context is anonymous.
   * @param options pass `ipAddress` if the request has no address, as in the Fetch API. All requests without an address
   * share one rate limit.
   * @throws TypeError when an argument has the wrong shape
   * @example
   * const handle = (request: Request, ipAddress: string) => auth.createContext(request, { ipAddress });
   */
  readonly createContext: CreateContext;
  /**
   * Returns a copy of a schema that enforces `@auth` and `@public`. A root field without a directive needs a signed-in
   * user, except federation's `_service`.
   * @throws TypeError that lists all wrong guards, for example a guard with an unknown role
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
   * Deletes expired rows, rotates keys, and runs the jobs of features. `createServer` starts it. If you use
   * `createAuth`, call `maintenance.start`.
   */
  readonly maintenance: Maintenance;
  /** The HTTP routes that the features serve beside GraphQL. */
  readonly routes: readonly Route[];
  /** The public keys that verify access tokens. @see RFC 7517 5 */
  jwks(): JsonWebKeySet;
  /** Returns whether the database answers and the server is not about to stop. */
  isReady(): Promise<boolean>;
  /**
   * Stops maintenance, and closes the features and the database. After that, every use of the database fails with
   * {@link Closed}.
   */
  close(): Promise<void>;
}

/** A feature cannot add a property with one of these names. */
const AUTH_NAMES: Readonly<Record<keyof CoreAuth, true>> = {
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

/**
 * An {@link Auth} with the internals for our own server, command and tests.
 * @internal
 */
export interface OpenAuth {
  readonly auth: Auth;
  readonly core: CoreServices;
  /** The names of the migrations that this start applied. */
  readonly migrations: readonly string[];
  readonly cors: Parts["cors"];
  readonly announcements: Parts["announcements"];
  readonly exportUser: Parts["exportUser"];
  /** Makes {@link Auth.isReady} return false. */
  retire(this: void): void;
  /** Completes the writes that run after the response, such as the counts of wrong passwords. */
  flush(this: void): Promise<void>;
}

/**
 * Opens the database, updates its tables, loads the keys, creates the features, and builds the schema.
 * @internal
 * @param features all features, including those that are switched off
 * @param onFault called with an error that the server survives, such as an unreachable Redis. Requests do not fail then
 * @param log writes a line to the server's log
 */
export async function openAuth(
  config: AuthConfig,
  features: readonly Feature[],
  onFault: (error: unknown) => void = warn,
  log: (line: string) => void = () => undefined,
): Promise<OpenAuth> {
  const active = featuresThatAreOn(features, config);
  requireRequired(features, active);
  const listeners = [config.onEvent];
  const published = { ...config, onEvent: publishTo(listeners) };
  const closers: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) {
      try {
        await closer();
      } catch (error) {
        onFault(error);
      }
    }
  };
  try {
    const database = await Database.open(config, active);
    closers.push(() => database.close());
    const migrations = await database.migrate();
    const keys = await SigningKeyService.open(database, published, onFault);
    const limiters = await openLimiterStore(config, database, onFault);
    closers.push(() => limiters.close());
    const created = createCore(published, database, keys, limiters, onFault, log);
    const { core, attempts, maintenance, retire } = created;
    await requireKnownRoles(database, config.roles);
    await addMissingSkeletons(database);
    const parts = await createParts(
      active,
      (feature) => coreFor(feature, core),
      config,
      (closer) => closers.push(closer),
      Object.keys(AUTH_NAMES),
    );
    core.hooks.add(parts.hooks);
    listeners.push(...parts.listeners);
    maintenance.add(parts.jobs);
    maintenance.addPruneRules(parts.prune);
    const flush = async () => {
      await attempts.flush();
      await core.sessions.flush();
    };
    closers.push(() => flush().catch(() => undefined));
    closers.push(() => maintenance.stop());
    const auth = { ...assemble(core, parts, maintenance, config.roles, onFault), close };
    return {
      auth,
      core,
      migrations,
      cors: parts.cors,
      announcements: parts.announcements,
      exportUser: parts.exportUser,
      retire,
      flush,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function assemble(
  core: CoreServices,
  parts: Parts,
  maintenance: MaintenanceService,
  roles: Roles,
  onFault: (error: unknown) => void,
): Omit<Auth, "close"> {
  const { accounts, authentication, sessions, keys, onEvent, jwks, isReady } = core;
  const instances = [
    new AuthenticationResolver(authentication),
    new SessionResolver(sessions),
    ...parts.resolvers,
  ];
  const unguarded = parts.changeSchema(createSchema(instances, roles));
  const guard: Auth["guard"] = (schema, options) =>
    withCredentialFields(guardSchema(schema, options, roles), findCredentialMutations(unguarded));
  const schema = guard(unguarded, { strict: true });
  const typeDefs = printSchema(schema);
  const resolvers = resolversOf(schema);
  return {
    ...(parts.api as FeatureApi<BuiltIn>),
    schema,
    typeDefs,
    resolvers,
    subgraph: () => createSubgraph(typeDefs, resolvers, accounts, roles),
    createContext: createContextBuilder({ authentication, onEvent, onWarning: onFault }),
    guard,
    accounts,
    authentication,
    sessions,
    keys,
    maintenance,
    routes: parts.routes,
    jwks,
    isReady,
  };
}
