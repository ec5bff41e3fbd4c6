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
      "Makes a named static token for a script of the caller. `logoutOthers` leaves it, and `revokeSession` ends it.",
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
        "From 1 to 3650, and at most as long as the server lets a static token live, which is also the default.",
    })
    expiresInDays: number | null | undefined,
    @Ctx() context: AuthContext,
  ): Promise<CreateTokenPayload> {
    return toCreateTokenPayload(await this.#tokens.create(context, label, expiresInDays ?? null));
  }
}
