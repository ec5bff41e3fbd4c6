import { Arg, Ctx, Directive, Extensions, Mutation, Resolver } from "type-graphql";
import type { AuthContext } from "../../authentication/context.js";
import { CHECKS_CREDENTIAL } from "../../permissions/credential-fields.js";
import type { StepUpService } from "./step-up.service.js";
import { ReauthenticatePayload } from "./step-up.type.js";

/** Serves the mutation `reauthenticate` if second factors are off. */
@Resolver()
export class StepUpResolver {
  readonly #stepUp: StepUpService;

  constructor(stepUp: StepUpService) {
    this.#stepUp = stepUp;
  }

  @Mutation(() => ReauthenticatePayload, {
    description:
      "Confirms the caller's own password, for fields with `@auth(freshWithin:)`. The tokens stay the same.",
  })
  @Directive("@auth")
  @Extensions(CHECKS_CREDENTIAL)
  async reauthenticate(
    @Arg("password", () => String) password: string,
    @Ctx() context: AuthContext,
  ): Promise<ReauthenticatePayload> {
    const at = await this.#stepUp.reauthenticate(context, { password, answer: {} });
    return { message: "Password confirmed", authenticatedAt: new Date(at) };
  }
}
