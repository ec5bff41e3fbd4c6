import type { AccountService } from "../../accounts/account.service.js";
import type { AuthConfig } from "../../config/auth-config.js";
import type { SessionList } from "../../sessions/session-list.js";
import type { SessionService } from "../../sessions/session.service.js";
import type { TokenKinds } from "../../authentication/token-issuer.js";

/** What all token classes of one configuration share. */
export interface TokenBackend {
  readonly config: AuthConfig;
  readonly accounts: AccountService;
  readonly sessions: SessionService;
  readonly sessionList: SessionList;
  readonly kinds: TokenKinds;
}
