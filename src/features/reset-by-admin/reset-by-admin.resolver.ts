import { Arg, Ctx, Directive, ID, Mutation, Resolver } from "type-graphql";
import type { AuthContext } from "../../authentication/context.js";
import { FRESH_ADMIN_ONLY } from "../../permissions/directives.js";
import { MailPayload } from "../mail/mail.type.js";
import type { ResetByAdminService } from "./reset-by-admin.service.js";

@Resolver()
export class ResetByAdminResolver {
  readonly #service: ResetByAdminService;

  constructor(service: ResetByAdminService) {
    this.#service = service;
  }

  @Mutation(() => MailPayload, {
    description: "Sends a user a mail with a link to set a new password.",
  })
  @Directive(FRESH_ADMIN_ONLY)
  async startPasswordReset(
    @Arg("id", () => ID) id: string,
    @Ctx() context: AuthContext,
  ): Promise<MailPayload> {
    await this.#service.start(context, id);
    return { message: "The user gets a mail with a link to set a new password." };
  }
}
