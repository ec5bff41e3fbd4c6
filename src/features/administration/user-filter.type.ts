import { Field, InputType, registerEnumType } from "type-graphql";
import type { Role } from "../../accounts/role.js";
import type { UserOrder, UserQuery } from "../../accounts/user-query.js";
import { DateTimeFilter } from "../../graphql/filters.type.js";
import { RoleEnum } from "../../graphql/user.type.js";

const UserOrderField = {
  CREATED_AT: "createdAt",
  USERNAME: "username",
  LAST_LOGIN_AT: "lastLoginAt",
} as const satisfies Record<string, UserOrder["field"]>;

registerEnumType(UserOrderField, {
  name: "UserOrderField",
  description: "The value that users are sorted by.",
  valuesConfig: {
    LAST_LOGIN_AT: { description: "Users who never logged in count as the oldest." },
  },
});

const OrderDirection = {
  ASC: "ASC",
  DESC: "DESC",
} as const satisfies Record<UserOrder["direction"], string>;

registerEnumType(OrderDirection, {
  name: "OrderDirection",
  description: "The direction of an order.",
});

@InputType("UserOrder", { description: "The order of a list of users." })
export class UserOrderInput implements UserOrder {
  @Field(() => UserOrderField)
  field!: UserOrder["field"];

  @Field(() => OrderDirection)
  direction!: UserOrder["direction"];
}

@InputType({ description: "Filters by text." })
class TextFilter {
  @Field(() => String, { nullable: true, description: "The whole text, in any case." })
  iexact?: string | null;

  @Field(() => String, { nullable: true, description: "Part of the text, in any case." })
  icontains?: string | null;
}

@InputType({ description: "Filters by role." })
class RoleFilter {
  @Field(() => [RoleEnum], { nullable: true, description: "Exactly one of these roles." })
  in?: Role[] | null;
}

@InputType({ description: "Filters users. Several fields are combined with AND." })
export class UserFilter {
  @Field(() => TextFilter, { nullable: true })
  username?: TextFilter | null;

  @Field(() => TextFilter, { nullable: true })
  email?: TextFilter | null;

  @Field(() => RoleFilter, { nullable: true })
  role?: RoleFilter | null;

  @Field(() => Boolean, { nullable: true })
  isActive?: boolean | null;

  @Field(() => DateTimeFilter, { nullable: true })
  createdAt?: DateTimeFilter | null;
}

export function toUserQuery(filter: UserFilter | null | undefined): UserQuery {
  const { username, email, role, isActive, createdAt } = filter ?? {};
  return {
    usernameIexact: username?.iexact,
    usernameIcontains: username?.icontains,
    emailIexact: email?.iexact,
    emailIcontains: email?.icontains,
    roles: role?.in,
    isActive,
    createdAfter: createdAt?.gt?.getTime(),
    createdAtOrAfter: createdAt?.gte?.getTime(),
    createdBefore: createdAt?.lt?.getTime(),
    createdAtOrBefore: createdAt?.lte?.getTime(),
  };
}
