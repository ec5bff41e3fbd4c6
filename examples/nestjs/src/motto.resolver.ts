import { Context, Directive, Int, Query, Resolver } from "@nestjs/graphql";
import type { AuthContext } from "graphql-gatehouse";

let reads = 0;

@Resolver()
export class MottoResolver {
  @Query(() => String, { description: "Open to everyone." })
  @Directive("@public")
  greeting(): string {
    return "Welcome.";
  }

  @Query(() => String, { description: "Any signed-in user may read it." })
  @Directive("@auth")
  async motto(@Context() context: AuthContext): Promise<string> {
    const { username } = await context.loadUser();
    reads += 1;
    return `Know thyself, ${username}.`;
  }

  @Query(() => Int, { description: "How often the motto was read." })
  @Directive("@auth(requires: ADMIN)")
  mottoReads(): number {
    return reads;
  }
}
