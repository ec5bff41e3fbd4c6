import { getResolversFromSchema, type IResolvers } from "@graphql-tools/utils";
import type { GraphQLSchema } from "graphql";
import { AccountService } from "./accounts/account.service.js";
import type { Accounts } from "./accounts/accounts.js";
import { LoginAttempts } from "./accounts/login-attempts.js";
import { PasswordHasher } from "./accounts/password-hasher.js";
import type { Authentication } from "./authentication/authentication.js";
import { AuthenticationService } from "./authentication/authentication.service.js";
import type { AuthContext } from "./authentication/context.js";
import { createContext } from "./authentication/create-context.js";
import type { Hooks } from "./authentication/hooks.js";
import type { RequestLike } from "./authentication/request.js";
import { TokenVerifier } from "./authentication/token-verifier.js";
import { type AuthConfig, type CoreOptions, resolveConfig } from "./config/auth-config.js";
import { Database } from "./database/database.js";
import { reportSafely, warn } from "./events.js";
import {
  createParts,
  featuresThatAreOn,
  type Parts,
  requireCompatible,
} from "./features/compose.js";
import type {
  CoreServices,
  Feature,
  FeatureApi,
  FeatureOptions,
  Route,
} from "./features/feature.js";
import { BUILT_IN } from "./features/index.js";
import { AuthenticationResolver } from "./graphql/authentication.resolver.js";
import { createSchema, extendWith, printSchema } from "./graphql/schema.js";
import { SessionResolver } from "./graphql/session.resolver.js";
import { createRefreshKeyRing, type JsonWebKeySet } from "./keys/key-ring.js";
import { deriveKey } from "./keys/secret-key.js";
import { SigningKeyService } from "./keys/signing-key.service.js";
import { MaintenanceService } from "./maintenance/maintenance.service.js";
import type { GuardOptions } from "./permissions/guard-map.js";
import { guardSchema } from "./permissions/guards.js";
import { SessionService } from "./sessions/session.service.js";
import type { Sessions } from "./sessions/sessions.js";
import type { LimiterStore } from "./throttling/limiter.js";
import { openLimiterStore } from "./throttling/limiter-store.js";
import { Throttle } from "./throttling/throttle.js";
import { TokenKinds } from "./tokens/token-kinds.js";

type BuiltIn = typeof BUILT_IN;

/** The options of {@link createAuth}: the core's, and those of the features. */
export type AuthOptions<F extends readonly Feature[] = []> = CoreOptions &
  FeatureOptions<[...BuiltIn, ...F]> & {
    /** The application's own features. @default none */
    readonly features?: F;
  };

/** Gatehouse, ready to serve alone or as a part of another schema, with the additions of its features. */
export type Auth<F extends readonly Feature[] = []> = CoreAuth & FeatureApi<[...BuiltIn, ...F]>;

/** {@link Auth} without the additions of features. */
interface CoreAuth {
  /** The complete guarded schema. */
  readonly schema: GraphQLSchema;
  /** The same schema in SDL with its directives, to be merged with other type definitions. */
  readonly typeDefs: string;
  /**
   * The resolvers of {@link Auth.typeDefs}, guarded. The schema that they are merged into is not guarded: pass it to
   * {@link Auth.guard}.
   */
  readonly resolvers: IResolvers;
  /**
   * Builds the context of one request: its user, and the reason if its credential was refused. Never throws for a bad
   * credential.
   * @param request Node's, Fastify's, Express's or the Fetch API's request; none is anonymous
   */
  createContext(request?: RequestLike): Promise<AuthContext>;
  /**
   * A copy of a schema in which `@auth` and `@public` are enforced. Root fields without either need a signed-in user.
   * @throws TypeError that lists each guard that is missing, weakened, contradictory, or in a place where it cannot run
   */
  guard(schema: GraphQLSchema, options?: GuardOptions): GraphQLSchema;
  /** Creates, finds and administers users. */
  readonly accounts: Accounts;
  /** Logs users in and out, and refreshes and verifies tokens. */
  readonly authentication: Authentication;
  /** Lists and ends the sessions of users. */
  readonly sessions: Sessions;
  /** Rotates and revokes the keys that sign access tokens. */
  readonly keys: Pick<SigningKeyService, "rotate" | "revoke">;
  /** Prunes expired rows, rotates keys that are due, and runs the jobs of features. A server starts it itself. */
  readonly maintenance: Pick<MaintenanceService, "start" | "stop" | "prune">;
  /** The HTTP resources beside GraphQL: the key set, health, and the routes of features. */
  readonly routes: readonly Route[];
  /** The public keys that access tokens verify with. @see RFC 7517 5 */
  jwks(): JsonWebKeySet;
  /** Whether the database answers. */
  isReady(): Promise<boolean>;
  /** Closes the database. */
  close(): Promise<void>;
}

/** {@link Auth}, with the parts that only our own server and command use. */
export type OpenAuth = Auth & {
  readonly core: CoreServices;
  readonly cors: Parts["cors"];
  readonly announcements: Parts["announcements"];
  /** Writes pending records that no response waits for: wrong passwords, and when sessions were last used. */
  flush(): Promise<void>;
};

/**
 * Opens the database, brings its schema up to date, loads the keys, and builds the schema.
 * @throws TypeError that names the wrong option; Error when the database cannot be opened
 * @example
 * const auth = await createAuth({ secretKey });
 * const server = new ApolloServer({ schema: auth.schema });
 * await startStandaloneServer(server, { context: ({ req }) => auth.createContext(req) });
 */
export async function createAuth<const F extends readonly Feature[] = []>({
  features,
  ...options
}: AuthOptions<F>): Promise<Auth<F>> {
  const all = requireCompatible([...BUILT_IN, ...(features ?? [])]);
  return (await openAuth(resolveConfig(options, all), all)) as object as Auth<F>;
}

/**
 * The same as {@link createAuth}, for options that are already checked.
 * @param features all of them, also those that the configuration switches off
 * @param onFault called with an error that made no request fail
 */
export async function openAuth(
  config: AuthConfig,
  features: readonly Feature[],
  onFault: (error: unknown) => void = warn,
): Promise<OpenAuth> {
  const active = featuresThatAreOn(features, config);
  const database = await Database.open(config.databaseUrl, active);
  try {
    await database.migrate();
    const safe = { ...config, onEvent: reportSafely(config.onEvent) };
    const keys = await SigningKeyService.open(database, safe);
    const limiters = await openLimiterStore(safe, database, onFault);
    const { core, attempts, hooks, maintenance } = createCore(safe, database, keys, limiters);
    const parts = await createParts(active, core, safe);
    hooks.push(...parts.hooks);
    maintenance.add(parts.jobs);
    const flush = async () => {
      await attempts.flush();
      await core.sessions.flush();
    };
    const close = async () => {
      await maintenance.stop();
      await parts.close();
      await flush().catch(() => undefined);
      await limiters.close();
      await database.close();
    };
    return { ...assemble(core, parts, maintenance), flush, close };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** The services. Each uses only those before it. The hooks are added once the features have been created. */
function createCore(
  config: AuthConfig,
  database: Database,
  keys: SigningKeyService,
  limiters: LimiterStore,
): {
  core: CoreServices;
  attempts: LoginAttempts;
  hooks: Hooks[];
  maintenance: MaintenanceService;
} {
  const hooks: Hooks[] = [];
  const hasher = new PasswordHasher(config.hashConcurrency);
  const accounts = new AccountService(() => database.fork(), database, config, hasher);
  const attempts = new LoginAttempts(database, config, hasher);
  const sessions = new SessionService(database, config);
  const kinds = new TokenKinds(config, keys.ring, createRefreshKeyRing(config.secretKeys));
  const verifier = new TokenVerifier({ kinds, keys, sessions, now: config.now });
  const [currentSecret = ""] = config.secretKeys;
  const throttlingKey = deriveKey(currentSecret, "throttling");
  const throttle = new Throttle(config, limiters.createLimiter, throttlingKey);
  const authentication = new AuthenticationService({
    settings: config,
    accounts,
    attempts,
    hasher,
    throttle,
    sessions,
    kinds,
    verifier,
    hooks,
  });
  const core = {
    sql: database,
    now: config.now,
    onEvent: config.onEvent,
    accounts,
    authentication,
    sessions,
    keys,
    kinds,
    jwks: () => keys.ring.toJwks(),
    isReady: () => database.isReadable(),
  };
  return { core, attempts, hooks, maintenance: new MaintenanceService(database, config, keys) };
}

function assemble(
  core: CoreServices,
  parts: Parts,
  maintenance: MaintenanceService,
): Omit<OpenAuth, "flush" | "close"> {
  const { accounts, authentication, sessions, keys, onEvent, jwks, isReady } = core;
  const resolvers = [
    new AuthenticationResolver(authentication),
    new SessionResolver(sessions),
    ...parts.resolvers,
  ];
  const extended = parts.extensions.reduce(extendWith, createSchema(resolvers));
  const schema = guardSchema(parts.transformSchema(extended), { strict: true });
  return {
    ...(parts.api as FeatureApi<BuiltIn>),
    core,
    cors: parts.cors,
    announcements: parts.announcements,
    schema,
    typeDefs: printSchema(schema),
    resolvers: getResolversFromSchema(schema),
    createContext: (request) => createContext(authentication, onEvent, request),
    guard: guardSchema,
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
