import { Arg, Ctx, Directive, Mutation, Query, Resolver } from "type-graphql";
import { UserType } from "./user.type.js";
import type { AuthScheme, Client } from "../events.js";
import type { Principal } from "../sessions/principal.js";
import { AuthSchemeEnum, LogoutPayload, toUserType } from "./session.type.js";
import {
  AuthPayload,
  toAuthPayload,
  toLogoutPayload,
  TokenVerification,
  toTokenVerification,
} from "./auth-payload.type.js";
import { NoCredentials, Unauthenticated } from "../errors.js";
import type { AuthenticationService, Presented } from "../authentication/authentication.service.js";
import { keepInCookie, type RefreshCookie } from "../authentication/refresh-cookie.js";

@Resolver()
export class AuthenticationResolver {
  readonly #authentication: AuthenticationService;

  constructor(authentication: AuthenticationService) {
    this.#authentication = authentication;
  }

  @Query(() => UserType, { description: "Who is asking." })
  @Directive("@auth")
  async me(@Ctx("loadUser") loadUser: () => Promise<Principal>): Promise<UserType> {
    return toUserType(await loadUser());
  }

  @Mutation(() => AuthPayload, { description: "Logs in by user name and password." })
  @Directive("@public")
  async login(
    @Arg("username", () => String) username: string,
    @Arg("password", () => String) password: string,
    @Arg("scheme", () => AuthSchemeEnum, { defaultValue: "JWT" }) scheme: AuthScheme,
    @Ctx("client") client: Client,
    @Ctx("refreshCookie") cookie: RefreshCookie | undefined,
  ): Promise<AuthPayload> {
    const issued = await this.#authentication.login({ username }, password, scheme, client);
    return keepInCookie(toAuthPayload(issued), cookie);
  }

  @Mutation(() => AuthPayload, { description: "Logs in by e-mail address and password." })
  @Directive("@public")
  async emailLogin(
    @Arg("email", () => String) email: string,
    @Arg("password", () => String) password: string,
    @Arg("scheme", () => AuthSchemeEnum, { defaultValue: "JWT" }) scheme: AuthScheme,
    @Ctx("client") client: Client,
    @Ctx("refreshCookie") cookie: RefreshCookie | undefined,
  ): Promise<AuthPayload> {
    const issued = await this.#authentication.login({ email }, password, scheme, client);
    return keepInCookie(toAuthPayload(issued), cookie);
  }

  @Mutation(() => AuthPayload, {
    description:
      "Trades a refresh token for the session's next pair, or a sliding token for its successor.",
  })
  @Directive("@public")
  async refreshToken(
    @Arg("refresh", () => String) refresh: string,
    @Ctx() presented: Presented & WithCookie,
  ): Promise<AuthPayload> {
    const { client, refreshCookie: cookie } = presented;
    const isInCookie = cookie !== undefined && refresh === "";
    const token = isInCookie ? requireCookie(presented) : refresh;
    try {
      return keepInCookie(toAuthPayload(await this.#authentication.refresh(token, client)), cookie);
    } catch (error) {
      if (isInCookie && error instanceof Unauthenticated) cookie.clear();
      throw error;
    }
  }

  @Mutation(() => TokenVerification, {
    description: "Whether a token of ours is good now: not expired, not revoked, its user active.",
  })
  @Directive("@public")
  async verifyToken(
    @Arg("token", () => String) token: string,
    @Ctx("client") client: Client,
  ): Promise<TokenVerification> {
    return toTokenVerification(await this.#authentication.verifyToken(token, client));
  }

  @Mutation(() => LogoutPayload, {
    description: "Ends the session of the header's credential, or that of the refresh token.",
  })
  @Directive("@public")
  async logout(
    @Arg("refresh", () => String, { nullable: true }) refresh: string | null | undefined,
    @Ctx() presented: Presented & WithCookie,
  ): Promise<LogoutPayload> {
    const { refreshCookie: cookie } = presented;
    const token = cookie && refresh === "" ? requireCookie(presented) : (refresh ?? null);
    try {
      const { scheme, hasEnded } = await this.#authentication.logout(presented, token);
      return toLogoutPayload(scheme, hasEnded);
    } finally {
      const kept = cookie?.token ?? null;
      // That of another session, which a header's logout did not end, stays with the browser.
      if (kept !== null && (await this.#authentication.findUse(kept)) === null) cookie?.clear();
    }
  }
}

interface WithCookie {
  readonly refreshCookie?: RefreshCookie;
}

/**
 * The cookie's token, where nothing else was presented: who sent a header, however bad, meant the header.
 * @throws the header's own {@link Presented.authError}, or {@link NoCredentials}
 */
function requireCookie({ credential, authError, refreshCookie }: Presented & WithCookie): string {
  const token = refreshCookie?.token ?? null;
  if (credential !== null || authError !== null || token === null) {
    throw authError ?? new NoCredentials();
  }
  return token;
}
