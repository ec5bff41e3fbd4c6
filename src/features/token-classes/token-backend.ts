import type { TokenIssuer } from "../../authentication/token-issuer.js";
import type { AuthConfig } from "../../config/auth-config.js";
import type { SessionService } from "../../sessions/session.service.js";
import type { TokenKinds } from "../../tokens/token-kinds.js";

/** The services and settings that the classes in `auth.tokens` share. */
export interface TokenBackend {
  readonly settings: Pick<AuthConfig, "now" | "leeway" | "sessionLifetime" | "roles">;
  readonly sessions: SessionService;
  readonly kinds: TokenKinds;
  readonly issuer: TokenIssuer;
}

export function requireBackend(backend: TokenBackend | undefined): TokenBackend {
  if (backend === undefined) throw new TypeError("Use the token classes of createAuth().");
  return backend;
}
