import { Arg, Ctx, Directive, Int, Mutation, Resolver } from "type-graphql";
import type { AuthContext } from "../../authentication/context.js";
import type { PersonalTokenService } from "./personal-token.service.js";
import { CreateTokenPayload, toCreateTokenPayload } from "./personal-token.type.js";

@Resolver()
export class PersonalTokenResolver {
  readonly #tokens: PersonalTokenService;

  constructor(tokens: PersonalTokenService) {
    this.#tokens = tokens;
  }

  @Mutation(() => CreateTokenPayload, {
    description:
      "Makes a named static token for a script of the caller. `revokeSession` ends the token, but `logoutOthers` does not.",
  })
  @Directive(`@auth(freshWithin: "15m")`)
  async createToken(
    @Arg("label", () => String, {
      description: "The name of the token in `sessions`: 1 to 100 characters.",
    })
    label: string,
    @Arg("expiresInDays", () => Int, {
      nullable: true,
      description:
        "From 1 to 3650, but not more than the server's limit for static tokens. The default is that limit.",
    })
    expiresInDays: number | null | undefined,
    @Ctx() context: AuthContext,
  ): Promise<CreateTokenPayload> {
    return toCreateTokenPayload(await this.#tokens.create(context, label, expiresInDays ?? null));
  }
}
