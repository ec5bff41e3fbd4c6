import type { Role } from "../accounts/role.js";
import type { AuthError } from "../errors.js";
import type { Client } from "../events.js";
import type { Principal } from "../sessions/principal.js";
import type { Credential } from "./authorization-header.js";
import type { RequestLike } from "./request.js";

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
  /** The request that the context was created from. */
  readonly request: RequestLike;
  /** Header lines that the response gets, such as `Set-Cookie`. */
  readonly responseHeaders: [name: string, value: string][];
}
