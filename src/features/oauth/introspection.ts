import type { Role, Roles } from "../../accounts/role.js";
import { reportExpired } from "../../authentication/report-expired.js";
import type { Verification } from "../../authentication/token-verifier.js";
import type { AuthConfig } from "../../config/auth-config.js";
import { Unauthenticated } from "../../errors.js";
import { actorClaim } from "../../tokens/claims.js";
import type { CoreServices } from "../feature.js";
import type { TokenRequest } from "./client-endpoint.js";

type Settings = Pick<AuthConfig, "jwtIssuer" | "jwtAudience" | "roles">;

const INACTIVE = { active: false };

/** Returns whether a token works now, and which user it belongs to. Usually costs one query. @see RFC 7662 2.2 */
export async function introspect(
  { verifier, onEvent }: Pick<CoreServices, "verifier" | "onEvent">,
  settings: Settings,
  { token, hint, client }: TokenRequest,
): Promise<object> {
  try {
    const verification = await verifier.verify(token);
    // Hide a refresh token from a service that did not ask for one. Otherwise a service that checks only `active` would
    // accept it like an access token.
    const isHidden = verification.tokenType === null && hint !== "refresh_token";
    // As most GraphQL fields do, refuse a user who must first add a second factor.
    const isRefused = isHidden || verification.principal.mustEnrol;
    return isRefused ? INACTIVE : describe(verification, settings);
  } catch (error) {
    reportExpired(error, client, onEvent);
    if (error instanceof Unauthenticated) return INACTIVE;
    throw error;
  }
}

/** Returns the response for an active token. `Response.json` omits undefined properties. */
function describe({ principal, tokenType, expiresAt, claims }: Verification, settings: Settings) {
  const { id, username, role, session } = principal;
  return {
    active: true,
    token_type: tokenType ?? undefined,
    sub: id,
    username,
    role,
    roles: rolesUpTo(role, settings.roles),
    ...actorClaim(session.impersonatorId),
    client_id: claims?.["client_id"],
    iss: settings.jwtIssuer,
    aud: settings.jwtAudience,
    sid: session.id,
    jti: claims?.["jti"],
    iat: claims?.["iat"] ?? Math.floor(session.createdAt / 1000),
    exp: expiresAt === null ? undefined : Math.floor(expiresAt / 1000),
  };
}

/** Returns a role and the roles that it includes, lowest first. A service then need not know the order of the roles. */
export function rolesUpTo(role: Role, { names }: Roles): readonly Role[] {
  return names.slice(0, names.indexOf(role) + 1);
}
