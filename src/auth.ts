import { getResolversFromSchema, type IResolvers } from "@graphql-tools/utils";
import type { GraphQLSchema } from "graphql";
import { AccountService } from "./accounts/account.service.js";
import { PasswordHasher } from "./accounts/password-hasher.js";
import { AuthenticationService } from "./authentication/authentication.service.js";
import { createJwtClasses, type JwtClasses } from "./authentication/jwt-classes.js";
import { createStaticTokenClass, type StaticToken } from "./authentication/static-token-class.js";
import { type AuthConfig, type AuthOptions, resolveConfig } from "./config/config.js";
import type { AuthEvent, Client } from "./events.js";
import type { AuthContext } from "./authentication/context.js";
import { createContext, type RequestLike } from "./authentication/create-context.js";
import { Database } from "./database/database.js";
import { createRefreshKeyRing, type KeyRing } from "./keys/key-ring.js";
import { deriveKey } from "./keys/secret-key.js";
import { SigningKeyService } from "./keys/signing-key.service.js";
import { MaintenanceService } from "./maintenance/maintenance.service.js";
import type { GuardOptions } from "./permissions/guard-map.js";
import { guardSchema } from "./permissions/guards.js";
import { createSchema, printSchema } from "./graphql/schema.js";
import { SessionList } from "./sessions/session-list.js";
import { SessionService } from "./sessions/session.service.js";
import { openCounters } from "./throttling/counters.js";
import type { Counters } from "./throttling/limiter-rule.js";
import { Throttle } from "./throttling/throttle.js";
import { AccessTokens } from "./tokens/access-token.js";
import { RotatingTokens } from "./tokens/rotating-token.js";

/** Gatehouse, ready to serve by itself or as a part of another schema. */
export interface Auth {
  /** The guarded schema, complete by itself. */
  readonly schema: GraphQLSchema;
  /** The same schema in SDL with its directives, to be merged with other type definitions. */
  readonly typeDefs: string;
  /** The resolvers of {@link Auth.typeDefs}, guarded. What they are merged with is not: pass it to {@link Auth.guard}. */
  readonly resolvers: IResolvers;
  /**
   * Builds the context of one request: who is asking. Never throws for a bad credential.
   * @param request Node's, Fastify's, Express's or the Fetch API's request; none is anonymous
   */
  createContext(request?: RequestLike): Promise<AuthContext>;
  /**
   * A copy of a schema in which `@auth` and `@public` are enforced. Root fields without either need a signed-in user.
   * @throws TypeError that lists each guard which is missing, weakened, contradictory, or stands where it cannot run
   */
  guard(schema: GraphQLSchema, options?: GuardOptions): GraphQLSchema;
  /** Who exists: creates and changes users. */
  readonly accounts: AccountService;
  /** Credentials in, tokens out; tokens in, users out. */
  readonly authentication: AuthenticationService;
  /** Where someone is signed in. */
  readonly sessions: SessionService;
  /** The token classes that simplejwt's and DRF's users know. */
  readonly tokens: JwtClasses & { readonly StaticToken: typeof StaticToken };
  /** What signs access tokens: rotates and revokes. */
  readonly keys: SigningKeyService;
  /** What has to be done from time to time. */
  readonly maintenance: MaintenanceService;
  /** The public keys that access tokens verify with. @see RFC 7517 5 */
  jwks(): ReturnType<KeyRing["toJwks"]>;
  /** Whether the database answers. */
  isReady(): Promise<boolean>;
  /** Closes the database. */
  close(): Promise<void>;
}

/**
 * Opens the database, brings its schema up to date, loads the keys, and builds the schema.
 * @throws TypeError that names the option which is wrong; Error when the database cannot be opened
 * @example
 * const auth = await createAuth({ secretKey: process.env.SECRET_KEY });
 * const server = new ApolloServer({ schema: auth.schema });
 * await startStandaloneServer(server, { context: ({ req }) => auth.createContext(req) });
 */
export async function createAuth(options: AuthOptions): Promise<Auth> {
  return openAuth(resolveConfig(options));
}

/** An audit hook that fails must not fail the request which it is told of. */
function withSafeHook(config: AuthConfig): AuthConfig {
  const onEvent = (event: AuthEvent, client: Client) => {
    try {
      const done = config.onEvent(event, client);
      if (done instanceof Promise) done.catch(warn);
    } catch (error) {
      warn(error);
    }
  };
  return { ...config, onEvent };
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : "Something failed without saying what.");
}

/**
 * The same as {@link createAuth}, with the options checked already.
 * @param onFault called with what went wrong and failed no request
 */
export async function openAuth(
  config: AuthConfig,
  onFault: (error: unknown) => void = warn,
): Promise<Auth> {
  const database = await Database.open(config.databaseUrl);
  try {
    await database.migrate();
    const safe = withSafeHook(config);
    const keys = await SigningKeyService.open(database, safe);
    return assemble(safe, database, keys, await openCounters(safe, database, onFault));
  } catch (error) {
    await database.close();
    throw error;
  }
}

function assemble(
  config: AuthConfig,
  database: Database,
  keys: SigningKeyService,
  counters: Counters,
): Auth {
  const hasher = new PasswordHasher(config.hashConcurrency);
  const accounts = new AccountService(() => database.fork(), database, config, hasher);
  const sessions = new SessionService(database, config);
  const sessionList = new SessionList(database, config);
  const refreshRing = createRefreshKeyRing(config.secretKeys);
  const kinds = {
    access: new AccessTokens(config, keys.ring),
    refresh: RotatingTokens.refresh(config, refreshRing),
    sliding: RotatingTokens.sliding(config, refreshRing),
  };
  const [currentSecret = ""] = config.secretKeys;
  const throttlingKey = deriveKey(currentSecret, "throttling");
  const authentication = new AuthenticationService({
    config,
    accounts,
    hasher,
    throttle: new Throttle(config, counters.createLimiter, throttlingKey),
    sessions,
    keys,
    kinds,
  });
  const backend = { config, accounts, sessions, sessionList, kinds };
  const maintenance = new MaintenanceService(database, config, keys);
  const services = { authentication, sessions, sessionList };
  const schema = guardSchema(createSchema(services), { strict: true });
  return {
    schema,
    typeDefs: printSchema(schema),
    resolvers: getResolversFromSchema(schema),
    createContext: (request) => createContext(authentication, config.onEvent, request),
    guard: guardSchema,
    accounts,
    authentication,
    sessions,
    tokens: { ...createJwtClasses(backend), StaticToken: createStaticTokenClass(backend) },
    keys,
    maintenance,
    jwks: () => keys.ring.toJwks(),
    isReady: () => database.isReadable(),
    close: async () => {
      await maintenance.stop();
      await sessions.flush().catch(() => undefined);
      await accounts.flush();
      await counters.close();
      await database.close();
    },
  };
}
