import { GraphQLJSON } from "graphql-scalars";
import { Arg, Ctx, Directive, Extensions, Mutation, Query, Resolver } from "type-graphql";
import type { AuthContext } from "../../authentication/context.js";
import type { AuthScheme } from "../../events.js";
import { AuthPayload, toAuthPayload } from "../../graphql/auth-payload.type.js";
import { AuthSchemeEnum } from "../../graphql/session.type.js";
import { OPEN_TO_ENROLMENT } from "../../permissions/enrolment-fields.js";
import type { ChallengesService } from "./challenges.service.js";
import type { OwnFactorsService } from "./own-factors.service.js";
import { BeginTotpPayload, SecondFactorPayload, SecondFactorState } from "./second-factor.type.js";

/** The guard of fields that change the caller's factors. */
const FRESH = `@auth(freshWithin: "15m")`;

@Resolver()
export class SecondFactorResolver {
  readonly #challenges: ChallengesService;
  readonly #own: OwnFactorsService;

  constructor(challenges: ChallengesService, own: OwnFactorsService) {
    this.#challenges = challenges;
    this.#own = own;
  }

  @Query(() => SecondFactorState, { description: "The caller's second factors." })
  @Directive("@auth")
  @Extensions(OPEN_TO_ENROLMENT)
  async secondFactor(@Ctx() context: AuthContext): Promise<SecondFactorState> {
    return this.#own.state(context);
  }

  @Mutation(() => AuthPayload, {
    description:
      "Completes a login that was refused with the reason `second_factor_required`. Give exactly one of `totp`, `recoveryCode` and `passkey`. After five wrong answers, log in again.",
  })
  @Directive("@public")
  async completeLogin(
    @Arg("challenge", () => String, { description: "`extensions.challenge.token` of the refusal." })
    challenge: string,
    @Arg("totp", () => String, { nullable: true }) totp: string | null,
    @Arg("recoveryCode", () => String, { nullable: true }) recoveryCode: string | null,
    @Arg("passkey", () => GraphQLJSON, { nullable: true }) passkey: unknown,
    @Arg("scheme", () => AuthSchemeEnum, { defaultValue: "JWT" }) scheme: AuthScheme,
    @Ctx() { client }: AuthContext,
  ): Promise<AuthPayload> {
    const answer = { totp, recoveryCode, passkey };
    return toAuthPayload(await this.#challenges.complete(challenge, answer, scheme, client));
  }

  @Mutation(() => BeginTotpPayload, {
    description:
      "Creates a secret for an app that shows codes. A user who has a second factor must have given it within 15 minutes.",
  })
  @Directive(FRESH)
  @Extensions(OPEN_TO_ENROLMENT)
  async beginTotp(@Ctx() context: AuthContext): Promise<BeginTotpPayload> {
    return this.#own.beginTotp(context);
  }

  @Mutation(() => SecondFactorPayload, {
    description:
      "Adds the app of `beginTotp`, by its first code. From then on, logins need a second step. With the first factor, the user gets recovery codes, and the user's other sign-ins end.",
  })
  @Directive(FRESH)
  @Extensions(OPEN_TO_ENROLMENT)
  async confirmTotp(
    @Arg("code", () => String) code: string,
    @Ctx() context: AuthContext,
  ): Promise<SecondFactorPayload> {
    const codes = await this.#own.confirmTotp(context, code);
    return { message: "The app is your second factor now", recoveryCodes: codes && [...codes] };
  }

  @Mutation(() => SecondFactorPayload, {
    description:
      "Removes the app, and the recovery codes if it was the last factor. The user must have given a second factor within 15 minutes.",
  })
  @Directive(FRESH)
  async disableTotp(@Ctx() context: AuthContext): Promise<SecondFactorPayload> {
    await this.#own.disableTotp(context);
    return { message: "The app is no longer a second factor", recoveryCodes: null };
  }

  @Mutation(() => SecondFactorPayload, {
    description:
      "Replaces the recovery codes. The user must have given a second factor within 15 minutes.",
  })
  @Directive(FRESH)
  async regenerateRecoveryCodes(@Ctx() context: AuthContext): Promise<SecondFactorPayload> {
    const codes = await this.#own.regenerateRecoveryCodes(context);
    return { message: "The earlier codes no longer work", recoveryCodes: [...codes] };
  }
}
