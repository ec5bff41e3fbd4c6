import { Field, ObjectType } from "type-graphql";
import type { UserPage } from "../../accounts/user-query.js";
import { PageInfo, toPageInfo } from "../../graphql/page-info.type.js";
import { toUserType, UserType } from "../../graphql/user.type.js";
import { formatUserCursor, type OrderField } from "./user-cursor.js";

/** @see https://relay.dev/graphql/connections.htm#sec-Edge-Types */
@ObjectType()
export class UserEdge {
  @Field(() => String)
  cursor!: string;

  @Field(() => UserType)
  node!: UserType;
}

/** @see https://relay.dev/graphql/connections.htm#sec-Connection-Types */
@ObjectType({ description: "A page of users." })
export class UserConnection {
  @Field(() => [UserEdge])
  edges!: UserEdge[];

  @Field(() => PageInfo)
  pageInfo!: PageInfo;
}

/**
 * @param field the field that the list is sorted by
 * @param hasPreviousPage whether the page starts after a cursor
 */
export function toUserConnection(
  { users, cursors, hasNextPage }: UserPage,
  field: OrderField,
  hasPreviousPage: boolean,
): UserConnection {
  const edges = users.flatMap((user, index) => {
    const cursor = cursors[index];
    return cursor === undefined
      ? []
      : [{ cursor: formatUserCursor(field, cursor), node: toUserType(user) }];
  });
  return { edges, pageInfo: toPageInfo(edges, hasNextPage, hasPreviousPage) };
}
