import { Arg, Ctx, Directive, Mutation, Resolver } from "type-graphql";
import type { AuthContext } from "../../authentication/context.js";
import { MailPayload, VerifyEmailPayload } from "../mail/mail.type.js";
import { PasswordPayload } from "./own-account.type.js";
import type { RecoveryService } from "./recovery.service.js";

@Resolver()
export class RecoveryResolver {
  readonly #recovery: RecoveryService;

  constructor(recovery: RecoveryService) {
    this.#recovery = recovery;
  }

  @Mutation(() => MailPayload, {
    description:
      "Sends a link that sets a new password. The answer is the same whether or not the address has an account.",
  })
  @Directive("@public")
  async requestPasswordReset(
    @Arg("email", () => String) email: string,
    @Ctx() { client }: AuthContext,
  ): Promise<MailPayload> {
    await this.#recovery.requestPasswordReset(email, client);
    return { message: "If this address has an account, a mail with a link is on its way" };
  }

  @Mutation(() => PasswordPayload, {
    description:
      "Sets a new password by the token of a mail. Ends all sessions of the user, and opens no new session.",
  })
  @Directive("@public")
  async resetPassword(
    @Arg("token", () => String) token: string,
    @Arg("newPassword", () => String) newPassword: string,
    @Ctx() { client }: AuthContext,
  ): Promise<PasswordPayload> {
    const sessionsEnded = await this.#recovery.resetPassword(token, newPassword, client);
    return { message: "Password changed", sessionsEnded };
  }

  @Mutation(() => MailPayload, {
    description:
      "Sends a link to a new e-mail address of the caller. The address changes when the link is used.",
  })
  @Directive(`@auth(freshWithin: "15m")`)
  async changeEmail(
    @Arg("newEmail", () => String) newEmail: string,
    @Ctx() context: AuthContext,
  ): Promise<MailPayload> {
    await this.#recovery.changeEmail(context, newEmail);
    return { message: "A mail with a link is on its way to the new address" };
  }

  @Mutation(() => VerifyEmailPayload, {
    description: "Changes the e-mail address of a user by the token of a mail to the new address.",
  })
  @Directive("@public")
  async confirmEmailChange(
    @Arg("token", () => String) token: string,
    @Ctx() { client }: AuthContext,
  ): Promise<VerifyEmailPayload> {
    const needsPassword = await this.#recovery.confirmEmailChange(token, client);
    const message = needsPassword
      ? "E-mail address changed. Others signed up with it, too: reset your password before you log in"
      : "E-mail address changed";
    return { message };
  }
}
