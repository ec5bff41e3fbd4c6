import { IMPERSONATE } from "./account-operations.js";
import type { AuthClient } from "./auth-client.js";
import { openClient } from "./create-auth-client.js";
import { impersonatorOf, type User } from "./credentials.js";
import type { ImpersonateMutation } from "./operations.generated.js";
import type { ResolvedOptions } from "./options.js";
import { type Result, executeSignedIn } from "./result.js";

/** Lets an administrator act as another user, in this tab only. The administrator's own session stays open. */
export interface Impersonation {
  /**
   * The client of the session in which this tab acts as a user. While it is signed in, use it in place of the
   * administrator's own client. Its `logout` ends the session. The session also ends when the administrator's own client
   * is signed out, or signs in as another user.
   */
  readonly client: AuthClient;
  /**
   * Starts to act as a user. Needs the highest role and a recent password. Never rejects.
   * @param reason for the audit trail: 1 to 500 characters, and no secret
   */
  readonly start: (userId: string, reason: string) => Promise<Result<User>>;
}

/**
 * Creates the impersonation of an administrator's client. Sends no request. If this tab acted as a user before a reload,
 * it goes on.
 * @param auth the administrator's own client
 */
export function createImpersonation(auth: AuthClient): Impersonation {
  const { config, session: own } = auth.internals;
  const client = openClient(configOf(config));
  const { session, signIn } = client.internals;

  /** Ends the session if the administrator who opened it is not signed in any more. */
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
      const { data, error } = await executeSignedIn<ImpersonateMutation>(auth, operation, signIn);
      return error ? { data: null, error } : { data: data.user, error: null };
    },
  };
}

/**
 * Returns the options of the second client. Its session belongs to one tab, so that the administrator's other tabs do not
 * become the user's. It is in `sessionStorage` only if the own session is in a storage that every script can read, too.
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
