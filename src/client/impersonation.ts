import { IMPERSONATE } from "./account-operations.js";
import type { AuthClient } from "./auth-client.js";
import { openClient } from "./create-auth-client.js";
import { impersonatorOf, type User } from "./credentials.js";
import type { ImpersonateMutation } from "./operations.generated.js";
import type { ResolvedOptions } from "./options.js";
import { executeSignedIn, type Result, toUser } from "./result.js";

/** Lets an administrator act as another user, in this tab only. The administrator's own session stays open. */
export interface Impersonation {
  /**
   * The client that is signed in as the user. While it is signed in, use it instead of the administrator's own client.
   * Its `logout` ends the session. The session also ends when the administrator's own client signs out, or when another
   * user signs in with that client.
   */
  readonly client: AuthClient;
  /**
   * Starts to act as a user. Needs the highest role, and a recent login or `reauthenticate`. Never rejects.
   * @param reason text for the audit trail, 1 to 500 characters. Must not contain secrets
   */
  readonly start: (userId: string, reason: string) => Promise<Result<User>>;
}

/**
 * Creates an impersonation. If this tab acted as a user before a reload and has kept that session, the impersonation
 * continues. If the administrator is no longer signed in, ends the kept session at the server. Otherwise sends no
 * request.
 * @param auth the administrator's own client
 */
export function createImpersonation(auth: AuthClient): Impersonation {
  const { config, session: own } = auth.internals;
  const client = openClient(configOf(config));
  const { session, signIn } = client.internals;

  /** Ends the session if the administrator who started it is no longer signed in. */
  function check(): void {
    const { token } = session.state;
    if (token !== null && impersonatorOf(token) !== own.state.user?.id) void client.logout();
  }

  check();
  own.subscribe(check);
  session.subscribe(check);

  return {
    client,
    async start(userId, reason) {
      const operation = { query: IMPERSONATE, variables: { userId, reason } };
      return toUser(await executeSignedIn<ImpersonateMutation>(auth, operation, signIn));
    },
  };
}

/**
 * Returns the options of the client by which an administrator acts as a user. That client keeps its session in this
 * tab only, so that the administrator's other tabs do not act as the user. The session survives a reload only if the
 * administrator's own session is in `sessionStorage` or `localStorage`.
 */
function configOf({ name, storage, ...config }: ResolvedOptions): ResolvedOptions {
  const survivesReload = typeof storage === "string" && storage.endsWith("Storage");
  return {
    ...config,
    scheme: "jwt",
    storage: survivesReload ? "sessionStorage" : "memory",
    isCookie: false,
    name: `${name}:impersonation`,
  };
}
