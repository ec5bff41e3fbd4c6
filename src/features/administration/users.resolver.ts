import { Arg, Directive, ID, Int, Query, Resolver } from "type-graphql";
import type { AccountService } from "../../accounts/account.service.js";
import { isId } from "../../accounts/id.js";
import type { UserOrder } from "../../accounts/user-query.js";
import { AFTER, FIRST, requirePageSize } from "../../graphql/page-arguments.js";
import { toUserType, UserType } from "../../graphql/user.type.js";
import { ADMIN_ONLY } from "../../permissions/directives.js";
import { toUserConnection, UserConnection } from "./user-connection.type.js";
import { parseUserCursor } from "./user-cursor.js";
import { toUserQuery, UserFilter, UserOrderInput } from "./user-filter.type.js";

const NEWEST_FIRST: UserOrder = { field: "createdAt", direction: "DESC" };

@Resolver()
export class UsersResolver {
  readonly #accounts: AccountService;

  constructor(accounts: AccountService) {
    this.#accounts = accounts;
  }

  @Query(() => UserConnection, { description: "All users." })
  @Directive(ADMIN_ONLY)
  async users(
    @Arg("where", () => UserFilter, { nullable: true })
    where: UserFilter | null | undefined,
    @Arg("orderBy", () => UserOrderInput, {
      nullable: true,
      description: "If missing, lists the newest users first.",
    })
    orderBy: UserOrderInput | null | undefined,
    @Arg("first", () => Int, FIRST)
    first: number | null,
    @Arg("after", () => String, AFTER)
    after: string | null | undefined,
  ): Promise<UserConnection> {
    const order = orderBy ?? NEWEST_FIRST;
    const start = parseUserCursor(order.field, after);
    const query = { ...toUserQuery(where), orderBy: order };
    const page = await this.#accounts.users(query, requirePageSize(first), start);
    return toUserConnection(page, order.field, start !== null);
  }

  @Query(() => UserType, { nullable: true, description: "A user. Null if there is no such user." })
  @Directive(ADMIN_ONLY)
  async user(@Arg("id", () => ID) id: string): Promise<UserType | null> {
    const user = isId(id) ? await this.#accounts.findById(id) : null;
    return user && toUserType(user);
  }
}
