import { GraphQLJSON } from "graphql-scalars";
import { Arg, Ctx, Directive, Extensions, Mutation, Resolver } from "type-graphql";
import type { AuthContext } from "../../authentication/context.js";
import { CHECKS_CREDENTIAL } from "../../permissions/credential-fields.js";
import { OPEN_TO_ENROLMENT } from "../../permissions/enrolment-fields.js";
import type { StepUpService } from "./step-up.service.js";
import { ReauthenticatePayload } from "./step-up.type.js";

/** Serves the mutation `reauthenticate` if second factors are on. */
@Resolver()
export class FactorStepUpResolver {
  readonly #stepUp: StepUpService;

  constructor(stepUp: StepUpService) {
    this.#stepUp = stepUp;
  }

  @Mutation(() => ReauthenticatePayload, {
    description:
      "Confirms that the caller is the user, for fields with `@auth(freshWithin:)` or `@auth(with:)`. Give exactly one of the arguments. The tokens stay the same.",
  })
  @Directive("@auth")
  @Extensions({ ...CHECKS_CREDENTIAL, ...OPEN_TO_ENROLMENT })
  async reauthenticate(
    @Arg("password", () => String, {
      nullable: true,
      description: "The caller's own password. It does not satisfy `@auth(with:)`.",
    })
    password: string | null,
    @Arg("totp", () => String, { nullable: true }) totp: string | null,
    @Arg("recoveryCode", () => String, { nullable: true }) recoveryCode: string | null,
    @Arg("passkey", () => GraphQLJSON, { nullable: true }) passkey: unknown,
    @Ctx() context: AuthContext,
  ): Promise<ReauthenticatePayload> {
    const given = { password: password ?? null, answer: { totp, recoveryCode, passkey } };
    const at = await this.#stepUp.reauthenticate(context, given);
    const proof = password == null ? "Second factor" : "Password";
    return { message: `${proof} confirmed`, authenticatedAt: new Date(at) };
  }
}
