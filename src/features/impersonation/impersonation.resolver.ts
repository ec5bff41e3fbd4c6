import { Arg, Ctx, Directive, ID, Mutation, Resolver } from "type-graphql";
import type { AuthContext } from "../../authentication/context.js";
import { AuthPayload, toAuthPayload } from "../../graphql/auth-payload.type.js";
import { FRESH_ADMIN_ONLY } from "../../permissions/directives.js";
import type { ImpersonationService } from "./impersonation.service.js";

@Resolver()
export class ImpersonationResolver {
  readonly #impersonation: ImpersonationService;

  constructor(impersonation: ImpersonationService) {
    this.#impersonation = impersonation;
  }

  @Mutation(() => AuthPayload, {
    description:
      "Opens a session in which the caller acts as another user, for at most 30 minutes. This session cannot change the user's credentials.",
  })
  @Directive(FRESH_ADMIN_ONLY)
  async impersonate(
    @Arg("userId", () => ID) userId: string,
    @Arg("reason", () => String, { description: "For the audit trail: 1 to 500 characters." })
    reason: string,
    @Ctx() context: AuthContext,
  ): Promise<AuthPayload> {
    const payload = toAuthPayload(await this.#impersonation.impersonate(context, userId, reason));
    payload.session.isCurrent = false;
    return payload;
  }
}
