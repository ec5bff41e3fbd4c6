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
import { findPublicMutations, withCredentialFields } from "./permissions/credential-fields.js";
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

/** The result of `createAuth`: the schema, the services, and the properties that features add. */
export type Auth<F extends readonly Feature[] = []> = CoreAuth & FeatureApi<[...BuiltIn, ...F]>;

/** {@link Auth} without the properties that features add. */
interface CoreAuth {
  /** The complete guarded schema. */
  readonly schema: GraphQLSchema;
  /** {@link Auth.schema} in SDL, with directives, for merging with other type definitions. */
  readonly typeDefs: string;
  /**
   * The resolvers of {@link Auth.typeDefs}, guarded. Merging them into another schema does not guard that schema's own
   * fields. To guard those fields too, pass the merged schema to {@link Auth.guard}.
   */
  readonly resolvers: IResolvers;
  /**
   * Returns {@link Auth.typeDefs} and {@link Auth.resolvers} for a subgraph of Apollo Federation 2, with
   * `User @key(fields: "id")` and `PageInfo @shareable`.
   */
  subgraph(): Subgraph;
  /**
   * Builds the context of one request. The context holds the signed-in user, if there is one. For a refused
   * credential, the context holds the error instead, and `createContext` does not throw.
   * @param request a request of Node, Fastify, Express or the Fetch API. Without a request, the context is anonymous.
   * @param options A Fetch request has no address, so pass the address that your platform knows as `ipAddress`. All
   * requests without an address share one rate limit. The first such request causes a warning.
   * @throws TypeError when an argument has the wrong shape
   * @example
   * const handle = (request: Request, ipAddress: string) => auth.createContext(request, { ipAddress });
   */
  readonly createContext: CreateContext;
  /**
   * Returns a copy of a schema. The copy enforces `@auth` and `@public`. Root fields with neither directive need a
   * signed-in user, except federation's `_service`.
   * @throws TypeError when guards are wrong. Its message lists each guard that is weakened or contradictory, names an
   * unknown role, or is in the wrong place. With {@link GuardOptions.strict}, the message also lists each root field
   * without a guard.
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
   * Prunes expired rows, rotates keys that are due, and runs the jobs of features. `createServer` starts it. An
   * application that embeds Gatehouse calls `maintenance.start`.
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

/** The names of the core's own properties. A feature cannot add a property with such a name. */
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
 * An {@link Auth} together with the internals that only our own server, command and tests use.
 * @internal
 */
export interface OpenAuth {
  readonly auth: Auth;
  readonly core: CoreServices;
  /** The names of the migrations that this start applied. */
  readonly migrations: readonly string[];
  readonly cors: Parts["cors"];
  readonly announcements: Parts["announcements"];
  /** Makes {@link Auth.isReady} return false from now on. Everything else still works. */
  retire(this: void): void;
  /**
   * Completes the writes that responses do not wait for: the counts of wrong passwords, and the times at which sessions
   * were last used.
   */
  flush(this: void): Promise<void>;
}

/**
 * Opens the database, brings its tables up to date, loads the keys, creates the features, and builds the GraphQL
 * schema.
 * @internal
 * @param config already checked
 * @param features all features, including those that the configuration switches off
 * @param onFault called with an error that did not make a request fail
 */
export async function openAuth(
  config: AuthConfig,
  features: readonly Feature[],
  onFault: (error: unknown) => void = warn,
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
    const created = createCore(published, database, keys, limiters, onFault);
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
    withCredentialFields(guardSchema(schema, options, roles), findPublicMutations(unguarded));
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
