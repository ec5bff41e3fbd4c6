import { withChecks } from "../sql.js";
import { audit } from "./audit/index.js";
import { requireCompatible } from "./compose.js";
import type { Core, CoreServices, Feature } from "./feature.js";
import { graphiql } from "./graphiql/index.js";
import { health } from "./health/index.js";
import { jwks } from "./jwks/index.js";
import { refreshCookie } from "./refresh-cookie/index.js";
import { tokenClasses } from "./token-classes/index.js";

/**
 * The features that every installation has. Settings switch them on or off, except {@link tokenClasses}, which is
 * always on. The type is written out: with an inferred type, editors would not show the comments on settings.
 */
export const BUILT_IN: readonly [
  typeof audit,
  typeof graphiql,
  typeof health,
  typeof jwks,
  typeof refreshCookie,
  typeof tokenClasses,
] = [audit, graphiql, health, jwks, refreshCookie, tokenClasses];

/**
 * Returns all features of an installation: ours, and the application's own.
 * @throws {@link WrongSettings} when a feature is malformed, or two features clash
 */
export function featuresWith(own: readonly Feature[] = []): readonly Feature[] {
  return requireCompatible(BUILT_IN, own);
}

/**
 * Returns the core for a feature. The features of an application get the documented core. Our own features also get the
 * internal services.
 * @internal
 */
export function coreFor(feature: Feature, services: CoreServices): Core {
  if (BUILT_IN.some((ours) => ours === feature)) return services;
  const { sql, now, onEvent, accounts, authentication, sessions, jwks, isReady } = services;
  return { sql: withChecks(sql), now, onEvent, accounts, authentication, sessions, jwks, isReady };
}

export type * from "./token-classes/index.js";
