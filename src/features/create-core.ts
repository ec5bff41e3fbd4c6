import { dirname } from "node:path";
import type { EventStore } from "../accounts/user-transactions.js";
import { AccountService } from "../accounts/account.service.js";
import { LoginAttempts } from "../accounts/login-attempts.js";
import { PasswordHasher } from "../accounts/password-hasher.js";
import { SignInMethods } from "../accounts/sign-in-methods.js";
import { AuthenticationService } from "../authentication/authentication.service.js";
import { HookRunner } from "../authentication/hooks.js";
import { TokenIssuer } from "../authentication/token-issuer.js";
import { TokenVerifier } from "../authentication/token-verifier.js";
import type { AuthConfig } from "../config/auth-config.js";
import type { Database } from "../database/database.js";
import { createRefreshKeyRing } from "../keys/key-ring.js";
import { keyPruneRule } from "../keys/prune-rule.js";
import { deriveKey, secretPathOf } from "../keys/secret-key.js";
import type { SigningKeyService } from "../keys/signing-key.service.js";
import { MaintenanceService } from "../maintenance/maintenance.service.js";
import type { Measurement } from "../maintenance/measurement.js";
import { sessionPruneRules } from "../sessions/prune-rules.js";
import { SessionService } from "../sessions/session.service.js";
import { Spans } from "../spans.js";
import type { StatementObserver } from "../sql.js";
import type { LimiterStore } from "../throttling/limiter.js";
import { COUNTER_PRUNE_RULE } from "../throttling/prune-rule.js";
import { Throttle } from "../throttling/throttle.js";
import { TokenKinds } from "../tokens/token-kinds.js";
import { coreMeasurements } from "./core-measurements.js";
import type { CoreServices } from "./feature.js";

export interface CreatedCore {
  readonly core: CoreServices;
  readonly maintenance: MaintenanceService;
  addMeasurements(this: void, measurements: readonly Measurement[]): void;
  /** Makes {@link Core.isReady} return false. */
  retire(this: void): void;
}

/**
 * @param onFault called with an error that does not make an operation fail, such as an error of the hook `afterLogin`
 */
export function createCore(
  config: AuthConfig,
  database: Database,
  keys: SigningKeyService,
  limiters: LimiterStore,
  onFault: (error: unknown) => void,
  log: (line: string) => void,
): CreatedCore {
  const hooks = new HookRunner(onFault);
  const spans = new Spans();
  const hasher = new PasswordHasher(config.hashConcurrency, spans);
  const sessions = new SessionService(database, config, keys);
  const [currentSecret = ""] = config.secretKeys;
  const throttlingKey = deriveKey(currentSecret, "throttling");
  const throttle = new Throttle(config, limiters.createLimiter, throttlingKey);
  const eventStores: EventStore[] = [];
  const storeEvents: EventStore = async (run, events, client) => {
    for (const store of eventStores) await store(run, events, client);
  };
  const signInMethods = new SignInMethods();
  const settings = { ...config, storeEvents };
  const attempts = new LoginAttempts(database, config, hasher);
  const accounts = new AccountService(
    database,
    settings,
    hasher,
    attempts,
    sessions,
    signInMethods,
    {
      onUnlocked: (userId, by) =>
        throttle.forgetFailures(userId, by === "administrator").catch(onFault),
      beforePasswordChange: (user, client) => hooks.before("beforePasswordChange", user, client),
      afterPasswordChange: (user, client) => hooks.after("afterPasswordChange", user, client),
      onUserDeleted: (user, client) => hooks.after("onUserDeleted", user, client),
    },
  );
  const kinds = new TokenKinds(config, keys.ring, createRefreshKeyRing(config.secretKeys));
  const issuer = new TokenIssuer(kinds, accounts, config);
  const { now, roles } = config;
  const verifier = new TokenVerifier({ kinds, keys, sessions, now, roles });
  const authentication = new AuthenticationService({
    settings: config,
    accounts,
    attempts,
    hasher,
    throttle,
    sessions,
    issuer,
    verifier,
    hooks,
  });
  let isRetired = false;
  const isReady = async () => !isRetired && (await database.isReadable());
  const maintenance = new MaintenanceService(database, config, keys);
  maintenance.addPruneRules([
    ...sessionPruneRules(config, database),
    COUNTER_PRUNE_RULE,
    keyPruneRule(config),
  ]);
  const measurements = [...coreMeasurements({ hasher, database, maintenance, now, isReady })];
  const core = {
    sql: database,
    now: config.now,
    onEvent: config.onEvent,
    storeEventsWith: (store: EventStore) => {
      eventStores.push(store);
    },
    accounts,
    authentication,
    sessions,
    keys,
    kinds,
    issuer,
    verifier,
    hasher,
    attempts,
    signInMethods,
    throttle,
    hooks,
    spans,
    deriveKeys: (feature: string) =>
      config.secretKeys.map((secretKey) => deriveKey(secretKey, `feature:${feature}`)),
    dataFolder: dirname(secretPathOf(config.databaseUrl)),
    createLimiter: limiters.createLimiter,
    log,
    jwks: () => keys.ring.toJwks(),
    isReady,
    isWritable: () => database.isWritable(),
    measurements: () => measurements,
    observeStatements: (observer: StatementObserver) => {
      database.observe(observer);
    },
  };
  const retire = () => {
    isRetired = true;
  };
  const addMeasurements = (added: readonly Measurement[]) => {
    measurements.push(...added);
  };
  return { core, maintenance, addMeasurements, retire };
}
