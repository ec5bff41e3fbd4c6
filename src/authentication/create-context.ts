import { AuthError, NoCredentials } from "../errors.js";
import type { AuthEvent, Client } from "../events.js";
import type { Principal } from "../sessions/principal.js";
import { TokenUser } from "../sessions/token-user.js";
import type { AuthenticationService } from "./authentication.service.js";
import { type Credential, parseAuthorization } from "./authorization-header.js";
import type { AuthContext } from "./context.js";
import { readAddress, readAuthorization, readHeader, type RequestLike } from "./request.js";

/**
 * Builds the context of one request: parses `Authorization`, and looks the user up once. A bad credential does not
 * throw, but becomes the context's `authError`.
 * @param request without one the context is anonymous
 * @throws errors that are not an {@link AuthError}, because those are bugs
 */
export async function createContext(
  authentication: AuthenticationService,
  onEvent: (event: AuthEvent, client: Client) => unknown,
  request: RequestLike = {},
): Promise<AuthContext> {
  const client = {
    ipAddress: readAddress(request),
    userAgent: readHeader(request, "user-agent"),
    requestId: typeof request.id === "string" ? request.id : null,
  };
  let credential: Credential | null = null;
  let user: Principal | TokenUser | null = null;
  let authError: AuthError | null = null;
  try {
    credential = parseAuthorization(readAuthorization(request));
    user = credential && (await authentication.authenticate(credential));
  } catch (error) {
    if (!(error instanceof AuthError)) throw error;
    authError = error;
  }
  let loading: Promise<Principal> | undefined;
  const loadUser = async () => {
    if (user === null || credential === null) throw authError ?? new NoCredentials();
    return user instanceof TokenUser ? authentication.loadUser(credential) : user;
  };
  return {
    user,
    authError,
    credential,
    client,
    request,
    responseHeaders: [],
    loadUser: () => (loading ??= loadUser()),
    renew: () => createContext(authentication, onEvent, request),
    onRoleDenied: (required) => {
      if (user !== null) onEvent({ type: "role_denied", userId: user.id, required }, client);
    },
  };
}
