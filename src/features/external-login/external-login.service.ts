import { InvalidCredentials } from "../../accounts/errors.js";
import { isId } from "../../accounts/id.js";
import type { AuthContext } from "../../authentication/context.js";
import { type Issued, NO_TOKENS } from "../../authentication/token-issuer.js";
import { BadUserInput } from "../../errors.js";
import type { AuthScheme, Client } from "../../events.js";
import { requireFresh } from "../../permissions/guards.js";
import { loadOwner } from "../../sessions/own-session.js";
import type { Principal } from "../../sessions/principal.js";
import { requireScheme } from "../../sessions/session-opener.js";
import { randomSecret } from "../../tokens/secret-hash.js";
import type { CoreServices } from "../feature.js";
import type { SignUps } from "../registration/index.js";
import { type Ask, beginToAsk } from "./ask.js";
import { ExternalAccountTaken, ExternalLoginFailed, ExternalLoginRefused } from "./errors.js";
import type { LinkedAccount, LinkedAccounts } from "./linked-accounts.js";
import type { NewUsers } from "./new-users.js";
import type { KeptLogin, Linking, PendingLogin, PendingLogins } from "./pending-logins.js";
import { type Identity, type Provider, shownName } from "./provider.js";
import type { ReturnPages } from "./return-pages.js";

/** To link an account, a user must have proved who they are within this time. */
const FRESHNESS = "15m";

/** The longest `code` and `iss`, in characters. */
const MAX_LENGTH = 4096;

/** The parameters that the provider sent to the page, and the proof that the browser kept. */
export interface GivenAnswer {
  readonly code: string;
  readonly state: string;
  readonly proof: string;
  readonly iss: string | null;
}

export interface ExternalLoginParts {
  readonly providers: ReadonlyMap<string, Provider>;
  readonly pending: PendingLogins;
  readonly accounts: LinkedAccounts;
  readonly newUsers: NewUsers;
  readonly pages: ReturnPages;
  readonly signUps: SignUps | undefined;
}

/** Logs users in with their accounts at other providers, and links such accounts to users. */
export class ExternalLoginService {
  readonly #core: Pick<CoreServices, "authentication" | "onEvent" | "throttle">;
  readonly #parts: ExternalLoginParts;

  constructor(
    core: Pick<CoreServices, "authentication" | "onEvent" | "throttle">,
    parts: ExternalLoginParts,
  ) {
    this.#core = core;
    this.#parts = parts;
  }

  get providers(): readonly string[] {
    return [...this.#parts.providers.keys()];
  }

  /**
   * Begins a login at a provider. If a user is signed in, begins to link an account to this user.
   * @param redirectTo the page to which the provider sends the browser
   * @throws {@link BadUserInput} when the provider is unknown, or `redirectTo` is not a page of this application
   * @throws {@link AuthContext.authError} when the credential was refused or could not be checked
   * @throws {@link BadUserInput} for a static token, and for an administrator who acts as the user
   * @throws {@link ReauthenticationRequired} when the signed-in user has not proved who they are in the last 15 minutes
   * @throws {@link EmailNotVerified} when the signed-in user has registered, but has proved no address
   * @throws {@link ExternalLoginFailed} when the provider cannot be reached or gives a wrong answer
   * @throws {@link TooManyRequests} when a rate limit is reached
   */
  async begin(
    context: AuthContext,
    name: string,
    redirectTo: string,
  ): Promise<KeptLogin & { readonly url: URL }> {
    const { pages, pending, providers } = this.#parts;
    const { client } = context;
    await this.#core.throttle.request(client);
    const page = pages.require(redirectTo);
    const provider = providers.get(name);
    if (provider === undefined) {
      throw new BadUserInput("provider must be one of externalProviders.");
    }
    const linking = await readLinking(context);
    // A stranger may have signed up with somebody's address. Without this check, the stranger could still use the
    // linked account after the owner has proved the address.
    if (linking !== null) await this.#parts.signUps?.requireProof(linking.userId);
    const [state, nonce, codeVerifier] = [randomSecret(), randomSecret(), randomSecret()];
    const request = { redirectTo: page, state, nonce, codeVerifier };
    return this.#report(name, client, async () => {
      const url = await beginToAsk()(provider.authorizationUrl(request));
      return { url, ...(await pending.store({ ...request, provider: name, linking })) };
    });
  }

  /**
   * Completes a login at a provider. A new user gets an account.
   * @returns the tokens of a new session. If the login links an account, returns the caller's session without tokens
   * @throws {@link ExternalLoginFailed} for example when this browser did not begin the login in the last 10 minutes,
   * when this browser has already completed the login, or when the provider cannot be reached
   * @throws {@link AccountExists}, {@link ExternalEmailNotVerified}, {@link RegistrationClosed}
   * @throws {@link ExternalAccountTaken} when the account is linked to another user
   * @throws {@link BadUserInput} when an argument is wrong, for example when `code` is empty
   * @throws {@link TooManyRequests} when a rate limit is reached
   * @throws the errors of {@link AuthenticationService.signIn}
   */
  async complete(context: AuthContext, given: GivenAnswer, scheme: AuthScheme): Promise<Issued> {
    const { accounts, newUsers, pending } = this.#parts;
    const { client } = context;
    await this.#core.throttle.attempt(client);
    requireScheme(scheme);
    requireParameters(given);
    const login = await this.#report(null, client, () => pending.take(given.state, given.proof));
    const { provider, linking } = login;
    return this.#report(provider, client, async () => {
      const ask = beginToAsk();
      if (linking !== null) return this.#link(context, login, linking, given, ask);
      const identity = await this.#identify(login, given, ask);
      const found = await accounts.findUser(identity);
      const userId =
        found ??
        (await newUsers.create(provider, identity, await ask(identity.readProfile()), client));
      return this.#core.authentication.signIn(userId, {
        methods: ["fed"],
        scheme,
        client,
        begin: async (run) => {
          const isLinked = await accounts.recordUse(run, identity, userId);
          if (!isLinked) throw new ExternalLoginFailed("unlinked");
        },
      });
    });
  }

  async linkedAccounts(context: AuthContext): Promise<readonly LinkedAccount[]> {
    return this.#parts.accounts.list((await context.loadUser()).id);
  }

  /**
   * Removes one of the caller's linked accounts.
   * @throws {@link LastSignInMethod} when the user has no other way to log in
   * @throws {@link BadUserInput} when the user has no such account
   * @throws {@link BadUserInput} for a static token, and for an administrator who acts as the user
   */
  async unlink(context: AuthContext, id: string): Promise<void> {
    const user = await loadOwner(context);
    if (!isId(id)) throw new BadUserInput("There is no such account.");
    const provider = await this.#parts.accounts.remove(user, id);
    const details = { provider };
    this.#core.onEvent(
      { type: "external-login:unlinked", userId: user.id, details },
      context.client,
    );
  }

  /** Asks the provider who the user is. */
  async #identify(login: PendingLogin, { code, iss }: GivenAnswer, ask: Ask): Promise<Identity> {
    const provider = this.#parts.providers.get(login.provider);
    // The provider has been removed from the settings.
    if (provider === undefined) throw new ExternalLoginFailed("no_provider");
    return ask(provider.identify({ ...login, code, iss }));
  }

  /** Links an account to the caller. The caller's session goes on. */
  async #link(
    context: AuthContext,
    login: PendingLogin,
    linking: Linking,
    given: GivenAnswer,
    ask: Ask,
  ): Promise<Issued> {
    const { accounts } = this.#parts;
    const { client } = context;
    const caller = await requireCaller(context, linking);
    const { provider } = login;
    const identity = await this.#identify(login, given, ask);
    const name = shownName(await ask(identity.readProfile()));
    if (await accounts.link(caller, { provider, identity, name })) {
      const details = { provider };
      this.#core.onEvent({ type: "external-login:linked", userId: caller.id, details }, client);
    } else {
      const owner = await accounts.findUser(identity);
      if (owner === null) throw new ExternalLoginFailed("session_ended");
      if (owner !== caller.id) throw new ExternalAccountTaken();
    }
    return { principal: caller, ...NO_TOKENS, expiresAt: null };
  }

  /** Reports a refusal by `run` to the audit trail. */
  async #report<Result>(
    provider: string | null,
    client: Client,
    run: () => Promise<Result>,
  ): Promise<Result> {
    try {
      return await run();
    } catch (error) {
      const code =
        error instanceof ExternalLoginRefused
          ? error.detail
          : error instanceof InvalidCredentials && error.reason;
      if (code) {
        const details = { provider, code };
        this.#core.onEvent({ type: "external-login:refused", details }, client);
      }
      throw error;
    }
  }
}

/**
 * Returns the user and session that link an account. Returns null for a login: no user is signed in.
 * @throws {@link AuthContext.authError} when the credential was refused, because null would mean a login
 */
async function readLinking(context: AuthContext): Promise<Linking | null> {
  if (context.authError !== null) throw context.authError;
  if (context.user === null) return null;
  const user = await loadOwner(context);
  await requireFresh(context, FRESHNESS);
  return { userId: user.id, sessionId: user.session.id };
}

/**
 * Returns the caller, who must use the session that began to link the account.
 * @throws {@link ExternalLoginFailed} when the caller uses another session, or is not signed in
 */
async function requireCaller(context: AuthContext, linking: Linking): Promise<Principal> {
  const { user } = context;
  const isSame = user?.id === linking.userId && user.session.id === linking.sessionId;
  if (!isSame) throw new ExternalLoginFailed("other_session");
  return context.loadUser();
}

/** @throws {@link BadUserInput} when `code` is empty, or when `code` or `iss` is too long */
function requireParameters({ code, iss }: GivenAnswer): void {
  if (code === "" || code.length > MAX_LENGTH || (iss ?? "").length > MAX_LENGTH) {
    throw new BadUserInput("code and iss must be the parameters that the provider sent.");
  }
}
