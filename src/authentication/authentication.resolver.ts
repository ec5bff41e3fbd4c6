import { Arg, Ctx, Directive, Mutation, Query, Resolver } from "type-graphql";
import { UserType } from "../accounts/user.type.js";
import type { AuthScheme, Client } from "../events.js";
import type { Principal } from "../sessions/principal.js";
import { AuthSchemeEnum, LogoutPayload } from "../sessions/session.type.js";
import {
  AuthPayload,
  toAuthPayload,
  toLogoutPayload,
  TokenVerification,
  toTokenVerification,
  toUserType,
} from "./auth-payload.type.js";
import type { AuthenticationService, Presented } from "./authentication.service.js";

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
  ): Promise<AuthPayload> {
    return toAuthPayload(await this.#authentication.login({ username }, password, scheme, client));
  }

  @Mutation(() => AuthPayload, { description: "Logs in by e-mail address and password." })
  @Directive("@public")
  async emailLogin(
    @Arg("email", () => String) email: string,
    @Arg("password", () => String) password: string,
    @Arg("scheme", () => AuthSchemeEnum, { defaultValue: "JWT" }) scheme: AuthScheme,
    @Ctx("client") client: Client,
  ): Promise<AuthPayload> {
    return toAuthPayload(await this.#authentication.login({ email }, password, scheme, client));
  }

  @Mutation(() => AuthPayload, {
    description:
      "Trades a refresh token for the session's next pair, or a sliding token for its successor.",
  })
  @Directive("@public")
  async refreshToken(
    @Arg("refresh", () => String) refresh: string,
    @Ctx("client") client: Client,
  ): Promise<AuthPayload> {
    return toAuthPayload(await this.#authentication.refresh(refresh, client));
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
    @Ctx() presented: Presented,
  ): Promise<LogoutPayload> {
    const { scheme, hasEnded } = await this.#authentication.logout(presented, refresh ?? null);
    return toLogoutPayload(scheme, hasEnded);
  }
}
