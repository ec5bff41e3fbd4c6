import type { Credential } from "./authorization-header.js";
import type { RefreshCookie } from "./refresh-cookie.js";
import type { Role } from "../accounts/role.js";
import type { AuthError } from "../errors.js";
import type { Client } from "../events.js";
import type { Principal } from "../sessions/principal.js";

/** Who is asking, as every resolver finds it in its context. */
export interface AuthContext {
  /** The signed-in user, or null. Reading it never throws. */
  readonly user: Principal | null;
  /** Why a presented credential was refused. Guarded fields answer with it; public fields ignore it. */
  readonly authError: AuthError | null;
  /**
   * The signed-in user as the database has them now. Costs no query unless `bearerCheck` is `stateless`.
   * @throws {@link AuthContext.authError}, or {@link NoCredentials}
   */
  loadUser(): Promise<Principal>;
  /** Tells the audit trail that the user's role was too low. */
  onRoleDenied(required: Role): void;
  /** What was presented, verified or not. */
  readonly credential: Credential | null;
  /** The program at the other end. */
  readonly client: Client;
  /** Where the server keeps refresh tokens of browsers; none unless it was told to. */
  readonly refreshCookie?: RefreshCookie;
}
