import { Arg, Ctx, Directive, Extensions, Mutation, Resolver } from "type-graphql";
import type { AuthContext } from "../../authentication/context.js";
import { DeletePayload } from "../../graphql/delete-payload.type.js";
import { CHECKS_CREDENTIAL } from "../../permissions/credential-fields.js";
import type { OwnAccountService } from "./own-account.service.js";
import { PasswordPayload } from "./own-account.type.js";

@Resolver()
export class OwnAccountResolver {
  readonly #ownAccount: OwnAccountService;

  constructor(ownAccount: OwnAccountService) {
    this.#ownAccount = ownAccount;
  }

  @Mutation(() => PasswordPayload, {
    description:
      "Sets a new password. Ends the caller's other sessions, but not the current session.",
  })
  @Directive("@auth")
  @Extensions(CHECKS_CREDENTIAL)
  async changePassword(
    @Arg("currentPassword", () => String) currentPassword: string,
    @Arg("newPassword", () => String) newPassword: string,
    @Ctx() context: AuthContext,
  ): Promise<PasswordPayload> {
    const sessionsEnded = await this.#ownAccount.changePassword(
      context,
      currentPassword,
      newPassword,
    );
    return { message: "Password changed", sessionsEnded };
  }

  @Mutation(() => DeletePayload, {
    description: "Deletes the caller's own account, with all its sessions and tokens.",
  })
  @Directive(`@auth(freshWithin: "15m")`)
  async deleteAccount(@Ctx() context: AuthContext): Promise<DeletePayload> {
    await this.#ownAccount.deleteAccount(context);
    return { message: "Account deleted" };
  }
}
