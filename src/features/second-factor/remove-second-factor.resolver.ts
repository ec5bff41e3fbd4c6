import { Arg, Ctx, Directive, ID, Mutation, Resolver } from "type-graphql";
import type { AccountService } from "../../accounts/account.service.js";
import type { AuthContext } from "../../authentication/context.js";
import { toUserType } from "../../graphql/user.type.js";
import { FRESH_ADMIN_ONLY } from "../../permissions/directives.js";
import { loadOwner } from "../../sessions/own-session.js";
import { UserPayload } from "../administration/user-payload.type.js";
import type { SecondFactors } from "./factor.js";

@Resolver()
export class RemoveSecondFactorResolver {
  readonly #factors: SecondFactors;
  readonly #accounts: AccountService;

  constructor(factors: SecondFactors, accounts: AccountService) {
    this.#factors = factors;
    this.#accounts = accounts;
  }

  @Mutation(() => UserPayload, {
    description:
      "Removes the second factors and the recovery codes of a user who has lost them. Make sure first that it is really the user who asks.",
  })
  @Directive(FRESH_ADMIN_ONLY)
  async removeSecondFactor(
    @Arg("id", () => ID) id: string,
    @Ctx() context: AuthContext,
  ): Promise<UserPayload> {
    const caller = await loadOwner(context);
    // Without this proof, a thief with the session of an administrator could remove the administrator's own second
    // factor.
    if (caller.id === id) await this.#factors.requireProof(context);
    const user = await this.#accounts.getUser(id);
    await this.#factors.removeAll(id, context.client);
    return { user: toUserType(user) };
  }
}
