import type { AccountService } from "../accounts/account.service.js";
import type { LoginAttempts } from "../accounts/login-attempts.js";
import type { PasswordHasher } from "../accounts/password-hasher.js";
import type { AuthConfig } from "../config/auth-config.js";
import type { SessionService } from "../sessions/session.service.js";
import type { Throttle } from "../throttling/throttle.js";
import type { HookRunner } from "./hooks.js";
import type { TokenIssuer } from "./token-issuer.js";
import type { TokenVerifier } from "./token-verifier.js";

/** The services that login, refresh, logout and the other operations use. */
export interface AuthenticationParts {
  readonly settings: Pick<AuthConfig, "bearerCheck" | "now" | "onEvent" | "roles">;
  readonly accounts: AccountService;
  readonly attempts: LoginAttempts;
  readonly hasher: PasswordHasher;
  readonly throttle: Throttle;
  readonly sessions: SessionService;
  readonly issuer: TokenIssuer;
  readonly verifier: TokenVerifier;
  readonly hooks: HookRunner;
}
