import { withChecks } from "../sql.js";
import { administration } from "./administration/index.js";
import { audit } from "./audit/index.js";
import { requireCompatible } from "./compose.js";
import { externalLogin } from "./external-login/index.js";
import type { Core, CoreServices, Feature } from "./feature.js";
import { graphiql } from "./graphiql/index.js";
import { health } from "./health/index.js";
import { impersonation } from "./impersonation/index.js";
import { importDjango } from "./import-django/index.js";
import { jwks } from "./jwks/index.js";
import { loginCodes } from "./login-codes/index.js";
import { mail } from "./mail/index.js";
import { metrics } from "./metrics/index.js";
import { oauth } from "./oauth/index.js";
import { passkeys } from "./passkeys/index.js";
import { personalTokens } from "./personal-tokens/index.js";
import { recovery } from "./recovery/index.js";
import { refreshCookie } from "./refresh-cookie/index.js";
import { registration } from "./registration/index.js";
import { resetByAdmin } from "./reset-by-admin/index.js";
import { restBridge } from "./rest-bridge/index.js";
import { secondFactor } from "./second-factor/index.js";
import { stepUp } from "./step-up/index.js";
import { tokenClasses } from "./token-classes/index.js";
import { traces } from "./traces/index.js";
import { webhooks } from "./webhooks/index.js";

/** The features that come with Gatehouse. Without the explicit type, editors would not show the settings' comments. */
export const BUILT_IN: readonly [
  typeof audit,
  typeof graphiql,
  typeof health,
  typeof impersonation,
  typeof importDjango,
  typeof jwks,
  typeof mail,
  typeof loginCodes,
  typeof metrics,
  typeof administration,
  typeof secondFactor,
  typeof oauth,
  typeof passkeys,
  typeof personalTokens,
  typeof recovery,
  typeof refreshCookie,
  typeof registration,
  typeof resetByAdmin,
  typeof restBridge,
  typeof externalLogin,
  typeof stepUp,
  typeof tokenClasses,
  typeof traces,
  typeof webhooks,
] = [
  audit,
  graphiql,
  health,
  impersonation,
  importDjango,
  jwks,
  mail,
  loginCodes,
  metrics,
  administration,
  secondFactor,
  oauth,
  passkeys,
  personalTokens,
  recovery,
  refreshCookie,
  registration,
  resetByAdmin,
  restBridge,
  externalLogin,
  stepUp,
  tokenClasses,
  traces,
  webhooks,
];

/**
 * Returns Gatehouse's features and the application's own.
 * @throws {@link WrongSettings} for example when a feature is malformed, or a name is used twice
 */
export function featuresWith(own: readonly Feature[] = []): readonly Feature[] {
  return requireCompatible(BUILT_IN, own);
}

/**
 * Returns the core for a feature. Only Gatehouse's own features also get the internal services.
 * @internal
 */
export function coreFor(feature: Feature, services: CoreServices): Core {
  if (BUILT_IN.some((ours) => ours === feature)) return services;
  const { sql, now, onEvent, accounts, authentication, sessions, jwks, isReady } = services;
  return { sql: withChecks(sql), now, onEvent, accounts, authentication, sessions, jwks, isReady };
}

export type * from "./audit/index.js";
export type * from "./mail/index.js";
export type * from "./second-factor/index.js";
export type * from "./token-classes/index.js";
