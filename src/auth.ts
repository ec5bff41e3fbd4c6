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
import { SYSTEM_CLOCK } from "./config/settings.js";
import { Database } from "./database/database.js";
import type { Clock } from "./database/database-clock.js";
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
import { findEnrolmentFields } from "./permissions/enrolment-fields.js";
import type { GuardOptions } from "./permissions/guard-map.js";
import { guardSchema } from "./permissions/guards.js";
import type { Sessions } from "./sessions/sessions.js";
import { openLimiterStore } from "./throttling/limiter-store.js";

type BuiltIn = typeof BUILT_IN;

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
  /** The complete guarded schema. */
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
   * Builds the context of a request, with the signed-in user. Does not throw for a refused credential. The context then
   * has the error.
   * @param request a request of Node, Fastify, Express or the Fetch API. @default none: no user is signed in
   * @param options pass `ipAddress` if the request has no address, as in the Fetch API. All requests without an address
   * share one rate limit.
   * @throws TypeError when an argument has the wrong shape
   * @example
   * const handle = (request: Request, ipAddress: string) => auth.createContext(request, { ipAddress });
   */
  readonly createContext: CreateContext;
  /**
   * Returns a copy of a schema that enforces `@auth` and `@public`. A root field without a directive needs a signed-in
   * user. The field `_service` of federation needs none.
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

/** The names that a feature cannot give to its properties. */
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
 * An {@link Auth}, with internals for our own server, command and tests.
 * @internal
 */
export interface OpenAuth {
  readonly auth: Auth;
  readonly core: CoreServices;
  /** The names of the migrations that this start applied. */
  readonly migrations: readonly string[];
  readonly cors: Parts["cors"];
  readonly announcements: Parts["announcements"];
  readonly responseListeners: Parts["responseListeners"];
  readonly requestObservers: Parts["requestObservers"];
  readonly exportUser: Parts["exportUser"];
  /** Makes {@link Auth.isReady} return false. */
  retire(this: void): void;
  /** Waits for the writes that run after a response, such as the count of wrong passwords. */
  flush(this: void): Promise<void>;
}

/**
 * Opens the database, updates its tables, loads the keys, creates the features, and builds the schema.
 * @internal
 * @param features all features, even those that are off
 * @param onFault called with an error that does not make a request fail, such as an unreachable Redis
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
    const clock = await openClock(config, database, onFault);
    closers.push(() => clock.close());
    const published = { ...config, now: clock.now, onEvent: publishTo(listeners) };
    const keys = await SigningKeyService.open(database, published, onFault);
    const limiters = await openLimiterStore(config, database, onFault);
    closers.push(() => limiters.close());
    const created = createCore(published, database, keys, limiters, onFault, log);
    const { core, maintenance, addMeasurements, retire } = created;
    closers.unshift(() => {
      core.sessions.endWatch();
      return Promise.resolve();
    });
    await requireKnownRoles(database, config.roles);
    await addMissingSkeletons(database);
    const parts = await createParts(
      active,
      (feature) => coreFor(feature, core),
      published,
      (closer) => closers.push(closer),
      Object.keys(AUTH_NAMES),
    );
    core.hooks.add(parts.hooks);
    listeners.push(...parts.listeners);
    maintenance.add(parts.jobs);
    addMeasurements(parts.measurements);
    maintenance.addPruneRules(parts.prune);
    const flush = async () => {
      await core.attempts.flush();
      await core.sessions.flush();
    };
    closers.push(() => flush().catch(() => undefined));
    closers.push(() => maintenance.stop());
    const auth = assemble(core, parts, maintenance, config.roles, onFault, close);
    return {
      auth,
      core,
      migrations,
      cors: parts.cors,
      announcements: parts.announcements,
      responseListeners: parts.responseListeners,
      requestObservers: parts.requestObservers,
      exportUser: parts.exportUser,
      retire,
      flush,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Returns the application's clock if it has set the option `now`, otherwise the clock of the database. */
async function openClock(
  { now, leeway }: Pick<AuthConfig, "now" | "leeway">,
  database: Database,
  onWarning: (warning: Error) => void,
): Promise<Clock> {
  if (now !== SYSTEM_CLOCK) return { now, close: () => Promise.resolve() };
  return database.startClock({ leeway, onWarning });
}

function assemble(
  core: CoreServices,
  parts: Parts,
  maintenance: MaintenanceService,
  roles: Roles,
  onFault: (error: unknown) => void,
  close: Auth["close"],
): Auth {
  const { accounts, authentication, sessions, keys, onEvent, jwks, isReady } = core;
  const instances = [
    new AuthenticationResolver(authentication),
    new SessionResolver(sessions),
    ...parts.resolvers,
  ];
  const unguarded = parts.changeSchema(createSchema(instances, roles));
  const guard: Auth["guard"] = (schema, options) =>
    withCredentialFields(
      guardSchema(schema, options, roles, findEnrolmentFields(unguarded)),
      findCredentialMutations(unguarded),
    );
  const schema = guard(unguarded, { strict: true });
  // Made when they are first needed, because our own server needs only the schema.
  let typeDefs: string | undefined;
  let resolvers: IResolvers | undefined;
  const readTypeDefs = () => (typeDefs ??= printSchema(schema));
  const readResolvers = () => (resolvers ??= resolversOf(schema));
  return {
    ...(parts.api as FeatureApi<BuiltIn>),
    schema,
    get typeDefs() {
      return readTypeDefs();
    },
    get resolvers() {
      return readResolvers();
    },
    subgraph: () => createSubgraph(readTypeDefs(), readResolvers(), accounts, roles),
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
    close,
  };
}
