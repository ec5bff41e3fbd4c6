import { Arg, Ctx, Directive, Mutation, Query, Resolver } from "type-graphql";
import type { AuthContext } from "../../authentication/context.js";
import type { AuthScheme } from "../../events.js";
import { toAuthPayload } from "../../graphql/auth-payload.type.js";
import { AuthSchemeEnum } from "../../graphql/session.type.js";
import { preferredLocale } from "../mail/index.js";
import { MailPayload, VerifyEmailPayload } from "../mail/mail.type.js";
import type { RegistrationService } from "./registration.service.js";
import { PasswordPolicyType, RegisterPayload } from "./registration.type.js";

@Resolver()
export class RegistrationResolver {
  readonly #registration: RegistrationService;

  constructor(registration: RegistrationService) {
    this.#registration = registration;
  }

  @Query(() => PasswordPolicyType, {
    description: "The rules that a form can check before it sends a new password.",
  })
  @Directive("@public")
  passwordPolicy(): PasswordPolicyType {
    return this.#registration.passwordPolicy;
  }

  @Mutation(() => RegisterPayload, {
    description:
      "Creates an account. The answer is the same whether or not the e-mail address has an account. In both cases, the address normally gets a mail.",
  })
  @Directive("@public")
  async register(
    @Arg("username", () => String) username: string,
    @Arg("email", () => String) email: string,
    @Arg("password", () => String) password: string,
    @Arg("scheme", () => AuthSchemeEnum, { defaultValue: "JWT" }) scheme: AuthScheme,
    @Ctx() { client, request }: AuthContext,
  ): Promise<RegisterPayload> {
    const person = { username, email, password, locale: preferredLocale(request) };
    const issued = await this.#registration.register(person, scheme, client);
    return {
      message: "Account created. A mail is on its way to you: open its link",
      auth: issued && toAuthPayload(issued),
    };
  }

  @Mutation(() => VerifyEmailPayload, {
    description: "Proves an e-mail address by the token of a mail. Opens no session.",
  })
  @Directive("@public")
  async verifyEmail(
    @Arg("token", () => String) token: string,
    @Ctx() { client }: AuthContext,
  ): Promise<VerifyEmailPayload> {
    const needsPassword = await this.#registration.verifyEmail(token, client);
    const message = needsPassword
      ? "E-mail address confirmed. Others signed up with it, too: reset your password before you log in"
      : "E-mail address confirmed";
    return { message };
  }

  @Mutation(() => MailPayload, {
    description:
      "Sends a new link to an e-mail address that is not proved yet. The answer is the same for every address.",
  })
  @Directive("@public")
  async resendVerification(
    @Arg("email", () => String) email: string,
    @Ctx() { client }: AuthContext,
  ): Promise<MailPayload> {
    await this.#registration.resendVerification(email, client);
    return { message: "If this address waits for its confirmation, a mail is on its way" };
  }
}
