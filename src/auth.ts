import type { IResolvers } from "@graphql-tools/utils";
import { requireKnownRoles } from "./accounts/known-roles.js";
import { addMissingSkeletons } from "./accounts/missing-skeletons.js";
import type { Roles } from "./accounts/role.js";
import { createContextBuilder } from "./authentication/create-context.js";
import { type Auth, AUTH_NAMES, type BuiltIn } from "./auth-api.js";
import type { AuthConfig } from "./config/auth-config.js";
import { SYSTEM_CLOCK } from "./config/settings.js";
import { Database } from "./database/database.js";
import type { Clock } from "./database/database-clock.js";
import { publishTo, warn } from "./events.js";
import { createParts, featuresThatAreOn, type Parts, requireRequired } from "./features/compose.js";
import { createCore } from "./features/create-core.js";
import type { CoreServices, Feature } from "./features/feature.js";
import type { FeatureApi } from "./features/feature-types.js";
import { coreFor } from "./features/index.js";
import { AuthenticationResolver } from "./graphql/authentication.resolver.js";
import { createSchema, printSchema, resolversOf } from "./graphql/schema.js";
import { SessionResolver } from "./graphql/session.resolver.js";
import { createSubgraph } from "./graphql/subgraph.js";
import { SigningKeyService } from "./keys/signing-key.service.js";
import type { MaintenanceService } from "./maintenance/maintenance.service.js";
import { findCredentialMutations, withCredentialFields } from "./permissions/credential-fields.js";
import { findEnrolmentFields } from "./permissions/enrolment-fields.js";
import { guardSchema } from "./permissions/guards.js";
import { openLimiterStore } from "./throttling/limiter-store.js";

/**
 * An {@link Auth}, with internals for Gatehouse's own server, commands and tests.
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
 * @param features all features, on or off
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
      AUTH_NAMES,
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

/** Returns the application's clock if the option `now` is set, otherwise the clock of the database. */
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
  // These values are computed when they are first needed, because Gatehouse's own server needs only the schema.
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
