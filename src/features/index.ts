import { withChecks } from "../sql.js";
import { requireCompatible } from "./compose.js";
import type { Core, CoreServices, Feature } from "./feature.js";
import { graphiql } from "./graphiql/index.js";
import { health } from "./health/index.js";
import { jwks } from "./jwks/index.js";
import { refreshCookie } from "./refresh-cookie/index.js";
import { stepUp } from "./step-up/index.js";
import { tokenClasses } from "./token-classes/index.js";

/** The features that come with Gatehouse. The type is written out, so that editors show the settings' comments. */
export const BUILT_IN: readonly [
  typeof graphiql,
  typeof health,
  typeof jwks,
  typeof refreshCookie,
  typeof stepUp,
  typeof tokenClasses,
] = [graphiql, health, jwks, refreshCookie, stepUp, tokenClasses];

/**
 * Returns Gatehouse's features and the application's own.
 * @throws {@link WrongSettings} when a feature is malformed, or a name is used twice
 */
export function featuresWith(own: readonly Feature[] = []): readonly Feature[] {
  return requireCompatible(BUILT_IN, own);
}

/**
 * Gatehouse's own features also get the internal services. Other features get only the documented {@link Core}.
 * @internal
 */
export function coreFor(feature: Feature, services: CoreServices): Core {
  if (BUILT_IN.some((ours) => ours === feature)) return services;
  const { sql, now, onEvent, accounts, authentication, sessions, jwks, isReady } = services;
  return { sql: withChecks(sql), now, onEvent, accounts, authentication, sessions, jwks, isReady };
}

export type * from "./token-classes/index.js";
