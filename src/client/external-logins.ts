import type { AuthClient } from "./auth-client.js";
import type { User } from "./credentials.js";
import type { Failure } from "./failure.js";
import { openLoginEntry } from "./login-entry.js";
import {
  BEGIN_EXTERNAL_LOGIN,
  COMPLETE_EXTERNAL_LOGIN,
  EXTERNAL_PROVIDERS,
  LINKED_ACCOUNTS,
  UNLINK_ACCOUNT,
} from "./login-operations.js";
import type {
  BeginExternalLoginMutation,
  CompleteExternalLoginMutation,
  ExternalProvidersQuery,
  LinkedAccountsQuery,
  UnlinkAccountMutation,
} from "./operations.generated.js";
import { isHttp, platform, resolveUrl } from "./platform.js";
import { executePublic, executeSignedIn, type Result, toResult } from "./result.js";

export type LinkedAccount = LinkedAccountsQuery["linkedAccounts"][number];

export interface CompletedExternalLogin {
  readonly user: User;
  /** Whether the account at the provider was linked to the signed-in user. Otherwise the user is now signed in. */
  readonly isLink: boolean;
}

/** The login or the link that this tab has begun. */
interface Begun {
  readonly state: string | null;
  readonly proof: string;
  readonly isLink: boolean;
}

/**
 * Logs users in with an account at another provider, and links such accounts. No method rejects, and none needs `this`.
 * A failure is in the result. The failure of a login changes the state of the auth client only if the login needs a second
 * step.
 */
export interface ExternalLogins {
  /** Returns the names of the providers. */
  readonly providers: () => Promise<Result<ExternalProvidersQuery["externalProviders"]>>;
  /**
   * Begins a login, and sends the browser to the provider. The tab keeps the server's `proof` in sessionStorage, or in
   * your own storage if the option `storage` is an object.
   * @param redirectTo the page that calls {@link ExternalLogins.complete}, without a query and a fragment. A relative
   * URL is resolved against the current page
   * @returns the URL of the provider's page. Outside a browser, open it yourself
   */
  readonly begin: (
    provider: string,
    redirectTo: string,
  ) => Promise<Result<{ readonly url: string }>>;
  /**
   * Like {@link ExternalLogins.begin}, but links the account at the provider to the signed-in user. Needs a recent
   * login, or `reauthenticate`. The user must still be signed in when the browser comes back, so the session must be
   * stored.
   */
  readonly link: ExternalLogins["begin"];
  /**
   * Completes the login or the link that this tab has begun. After a login the user is signed in. A link keeps the
   * session. Calls at the same time share one result. If this tab has begun neither, sends no request, and returns a
   * failure with the reason `external_login_failed`.
   * @param url the address to which the provider has sent the user. @default the address of this page. The default also
   * removes the query and the fragment from the address bar
   */
  readonly complete: (url?: string) => Promise<Result<CompletedExternalLogin>>;
  /** Returns the accounts at providers with which the signed-in user can log in, oldest first. */
  readonly linkedAccounts: () => Promise<Result<LinkedAccountsQuery["linkedAccounts"]>>;
  /** Removes one of the linked accounts. Needs a recent login, or `reauthenticate`. */
  readonly unlink: (id: string) => Promise<Result<UnlinkAccountMutation["unlinkAccount"]>>;
}

/** Creates a client for logins with an account at another provider. Sends no request. */
export function createExternalLogins(auth: AuthClient): ExternalLogins {
  const { config, signIn } = auth.internals;
  const entry = openLoginEntry<Begun>(config, "external-login", "sessionStorage");
  let completing: Promise<Result<CompletedExternalLogin>> | undefined;

  async function begin(
    isLink: boolean,
    provider: string,
    redirectTo: string,
  ): Promise<Result<{ readonly url: string }>> {
    const run = isLink ? executeSignedIn : executePublic;
    const { data, error } = await run<BeginExternalLoginMutation>(auth, {
      query: BEGIN_EXTERNAL_LOGIN,
      variables: { provider, redirectTo: resolveUrl(redirectTo) },
    });
    if (error) return { data: null, error };
    const { url, proof } = data;
    // A `javascript:` URL would run as a script of this page.
    if (!isHttp(url)) return failed("The provider's URL is not HTTP.");
    const state = new URL(url).searchParams.get("state");
    const isStored = await entry.write({ state, proof, isLink });
    const { location } = platform;
    if (location && !isStored) return failed("This browser does not let the page store the login.");
    location?.assign?.(url);
    return { data: { url }, error: null };
  }

  async function complete(url: string): Promise<Result<CompletedExternalLogin>> {
    const query = isHttp(url) ? new URL(url).searchParams : new URLSearchParams();
    const [code, state, iss] = ["code", "state", "iss"].map((name) => query.get(name));
    const begun = await entry.read();
    // Without this check, a URL from an attacker could remove the login that this tab has begun.
    if (!begun || !state || state !== begun.state) return failed("This tab has not begun a login.");
    await entry.remove();
    const { isLink, proof } = begun;
    if (!code) return failed(`The provider sent no code: ${query.get("error")}`);
    const operation = { query: COMPLETE_EXTERNAL_LOGIN, variables: { code, state, iss, proof } };
    const { data, error } = isLink
      ? await executeSignedIn<CompleteExternalLoginMutation>(auth, operation, signIn)
      : toResult(await signIn<CompleteExternalLoginMutation>(operation));
    return error ? { data: null, error } : { data: { user: data.user, isLink }, error: null };
  }

  return {
    providers: () => executePublic<ExternalProvidersQuery>(auth, { query: EXTERNAL_PROVIDERS }),
    begin: (provider, redirectTo) => begin(false, provider, redirectTo),
    link: (provider, redirectTo) => begin(true, provider, redirectTo),
    complete(url) {
      completing ??= complete(url ?? takeAddress()).finally(() => {
        completing = undefined;
      });
      return completing;
    },
    linkedAccounts: () => executeSignedIn<LinkedAccountsQuery>(auth, { query: LINKED_ACCOUNTS }),
    unlink: (id) =>
      executeSignedIn<UnlinkAccountMutation>(auth, { query: UNLINK_ACCOUNT, variables: { id } }),
  };
}

/** Returns the address of this page, and removes the query and the fragment from the address bar. */
function takeAddress(): string {
  const { location, history } = platform;
  const href = location?.href ?? "";
  history?.replaceState(history.state, "", href.replace(/[?#].*$/s, ""));
  return href;
}

function failed(message: string): { readonly data: null; readonly error: Failure } {
  return { data: null, error: { reason: "external_login_failed", message } };
}
