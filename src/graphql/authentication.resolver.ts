import { Arg, Ctx, Directive, Extensions, Mutation, Query, Resolver } from "type-graphql";
import type { AuthenticationService } from "../authentication/authentication.service.js";
import type { AuthContext } from "../authentication/context.js";
import type { AuthScheme } from "../events.js";
import { OPEN_TO_ENROLMENT } from "../permissions/enrolment-fields.js";
import {
  AuthPayload,
  toAuthPayload,
  TokenVerification,
  toTokenVerification,
} from "./auth-payload.type.js";
import { LogoutPayload, toLogoutPayload } from "./logout-payload.type.js";
import { AuthSchemeEnum } from "./session.type.js";
import { toUserType, UserType } from "./user.type.js";

@Resolver()
export class AuthenticationResolver {
  readonly #authentication: AuthenticationService;

  constructor(authentication: AuthenticationService) {
    this.#authentication = authentication;
  }

  @Query(() => UserType, { description: "The signed-in user." })
  @Directive("@auth")
  @Extensions(OPEN_TO_ENROLMENT)
  async me(@Ctx() context: AuthContext): Promise<UserType> {
    return toUserType(await context.loadUser());
  }

  @Mutation(() => AuthPayload, { description: "Logs in by user name and password." })
  @Directive("@public")
  async login(
    @Arg("username", () => String) username: string,
    @Arg("password", () => String) password: string,
    @Arg("scheme", () => AuthSchemeEnum, { defaultValue: "JWT" }) scheme: AuthScheme,
    @Ctx() context: AuthContext,
  ): Promise<AuthPayload> {
    return toAuthPayload(
      await this.#authentication.login({ username }, password, scheme, context.client),
    );
  }

  @Mutation(() => AuthPayload, { description: "Logs in by e-mail address and password." })
  @Directive("@public")
  async emailLogin(
    @Arg("email", () => String) email: string,
    @Arg("password", () => String) password: string,
    @Arg("scheme", () => AuthSchemeEnum, { defaultValue: "JWT" }) scheme: AuthScheme,
    @Ctx() context: AuthContext,
  ): Promise<AuthPayload> {
    return toAuthPayload(
      await this.#authentication.login({ email }, password, scheme, context.client),
    );
  }

  @Mutation(() => AuthPayload, {
    description:
      "Exchanges a refresh token for a new access and refresh token, or a sliding token for a new sliding token.",
  })
  @Directive("@public")
  async refreshToken(
    @Arg("refresh", () => String) refresh: string,
    @Ctx() context: AuthContext,
  ): Promise<AuthPayload> {
    return toAuthPayload(await this.#authentication.refresh(refresh, context.client));
  }

  @Mutation(() => TokenVerification, {
    description:
      "Checks a token of any kind. It is active unless it has expired, it was revoked, or its user is inactive or must first add a second factor.",
  })
  @Directive("@public")
  async verifyToken(
    @Arg("token", () => String) token: string,
    @Ctx() context: AuthContext,
  ): Promise<TokenVerification> {
    return toTokenVerification(await this.#authentication.verifyToken(token, context.client));
  }

  @Mutation(() => LogoutPayload, {
    description:
      "Ends the session of the refresh token if given, otherwise the session of the request's credential.",
  })
  @Directive("@public")
  async logout(
    @Arg("refresh", () => String, { nullable: true }) refresh: string | null | undefined,
    @Ctx() context: AuthContext,
  ): Promise<LogoutPayload> {
    const { scheme, hasEnded } = await this.#authentication.logoutRequest(context, refresh ?? null);
    return toLogoutPayload(scheme, hasEnded);
  }
}
