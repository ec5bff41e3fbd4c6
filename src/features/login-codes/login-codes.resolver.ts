import { Arg, Ctx, Directive, Mutation, Resolver } from "type-graphql";
import type { AuthContext } from "../../authentication/context.js";
import type { AuthScheme } from "../../events.js";
import { AuthPayload, toAuthPayload } from "../../graphql/auth-payload.type.js";
import { AuthSchemeEnum } from "../../graphql/session.type.js";
import type { LoginCodesService } from "./login-codes.service.js";
import { LoginCodePayload } from "./login-codes.type.js";

@Resolver()
export class LoginCodesResolver {
  readonly #codes: LoginCodesService;

  constructor(codes: LoginCodesService) {
    this.#codes = codes;
  }

  @Mutation(() => LoginCodePayload, {
    description:
      "Sends a mail with a code and a link. Both work for at most 10 minutes. The answer is the same whether or not the address has an account.",
  })
  @Directive("@public")
  async requestLoginCode(
    @Arg("email", () => String) email: string,
    @Arg("proof", () => String, {
      nullable: true,
      description:
        "The `proof` of an earlier request in this browser. This request then returns the same `proof`.",
    })
    kept: string | null,
    @Ctx() { client }: AuthContext,
  ): Promise<LoginCodePayload> {
    const { proof, expiresAt } = await this.#codes.request(email, kept ?? null, client);
    const message = "If this address has an account, a mail with a code is on its way";
    return { message, proof, expiresAt: new Date(expiresAt) };
  }

  @Mutation(() => AuthPayload, {
    description:
      "Logs in by the code of a mail, or by the token of its link. A login uses up both. After five wrong codes, request a new one.",
  })
  @Directive("@public")
  async loginWithCode(
    @Arg("email", () => String) email: string,
    @Arg("code", () => String) code: string,
    @Arg("scheme", () => AuthSchemeEnum, { defaultValue: "JWT" }) scheme: AuthScheme,
    @Arg("proof", () => String, {
      nullable: true,
      description: "The `proof` of `requestLoginCode`. Required with the token of a link.",
    })
    proof: string | null,
    @Ctx() { client }: AuthContext,
  ): Promise<AuthPayload> {
    return toAuthPayload(
      await this.#codes.login(email, { code, proof: proof ?? null }, scheme, client),
    );
  }
}
