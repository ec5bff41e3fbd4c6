import { Arg, Ctx, Directive, ID, Mutation, Query, Resolver } from "type-graphql";
import type { AuthContext } from "../../authentication/context.js";
import type { AuthScheme } from "../../events.js";
import { AuthPayload, toAuthPayload } from "../../graphql/auth-payload.type.js";
import { toDate } from "../../graphql/date-time.js";
import { DeletePayload } from "../../graphql/delete-payload.type.js";
import { AuthSchemeEnum } from "../../graphql/session.type.js";
import type { ExternalLoginService } from "./external-login.service.js";
import { ExternalLoginStart, LinkedAccountType } from "./external-login.type.js";

@Resolver()
export class ExternalLoginResolver {
  readonly #logins: ExternalLoginService;

  constructor(logins: ExternalLoginService) {
    this.#logins = logins;
  }

  @Query(() => [String], { description: "The names of the providers for `beginExternalLogin`." })
  @Directive("@public")
  externalProviders(): readonly string[] {
    return this.#logins.providers;
  }

  @Mutation(() => ExternalLoginStart, {
    description:
      "Begins a login at another provider. If the request is signed in, the login links the account at the provider to the caller. The caller must then have proved who they are within the last 15 minutes, such as by a password.",
  })
  @Directive("@public")
  async beginExternalLogin(
    @Arg("provider", () => String, { description: "One of `externalProviders`." })
    provider: string,
    @Arg("redirectTo", () => String, {
      description:
        "The URL of your page to which the provider sends the browser. The provider must know it, too.",
    })
    redirectTo: string,
    @Ctx() context: AuthContext,
  ): Promise<ExternalLoginStart> {
    const { url, proof, expiresAt } = await this.#logins.begin(context, provider, redirectTo);
    return { url: url.href, proof, expiresAt: new Date(expiresAt) };
  }

  @Mutation(() => AuthPayload, {
    description:
      "Completes a login at another provider, with the parameters that the provider sent to your page. If the login links an account, the payload has no tokens, because the session goes on.",
  })
  @Directive("@public")
  async completeExternalLogin(
    @Arg("code", () => String) code: string,
    @Arg("state", () => String) state: string,
    @Arg("proof", () => String, { description: "The `proof` of `beginExternalLogin`." })
    proof: string,
    @Arg("iss", () => String, {
      nullable: true,
      description: "The parameter `iss`. Required if the provider sends it (RFC 9207).",
    })
    iss: string | null,
    @Arg("scheme", () => AuthSchemeEnum, { defaultValue: "JWT" }) scheme: AuthScheme,
    @Ctx() context: AuthContext,
  ): Promise<AuthPayload> {
    const answer = { code, state, proof, iss: iss ?? null };
    return toAuthPayload(await this.#logins.complete(context, answer, scheme));
  }

  @Query(() => [LinkedAccountType], {
    description: "The accounts at other providers by which the caller can log in, oldest first.",
  })
  @Directive("@auth")
  async linkedAccounts(@Ctx() context: AuthContext): Promise<LinkedAccountType[]> {
    const accounts = await this.#logins.linkedAccounts(context);
    return accounts.map((account) => ({
      ...account,
      linkedAt: new Date(account.linkedAt),
      lastUsedAt: toDate(account.lastUsedAt),
    }));
  }

  @Mutation(() => DeletePayload, {
    description:
      "Removes one of `linkedAccounts`. The only way to log in to an account cannot be removed.",
  })
  @Directive(`@auth(freshWithin: "15m")`)
  async unlinkAccount(
    @Arg("id", () => ID) id: string,
    @Ctx() context: AuthContext,
  ): Promise<DeletePayload> {
    await this.#logins.unlink(context, id);
    return { message: "Account unlinked" };
  }
}
