import { Field, ObjectType } from "type-graphql";
import type { SessionPage } from "../sessions/session-list.js";
import { formatCursor } from "./cursor.js";
import { PageInfo, toPageInfo } from "./page-info.type.js";
import { SessionType, toSessionType } from "./session.type.js";
import { toUserType, UserType } from "./user.type.js";

/** @see https://relay.dev/graphql/connections.htm#sec-Edge-Types */
@ObjectType()
export class SessionEdge {
  @Field(() => String)
  cursor!: string;

  @Field(() => SessionType)
  node!: SessionType;

  @Field(() => UserType, { description: "The owner of the session." })
  user!: UserType;
}

/** @see https://relay.dev/graphql/connections.htm#sec-Connection-Types */
@ObjectType({ description: "A page of sessions, newest first." })
export class SessionConnection {
  @Field(() => [SessionEdge])
  edges!: SessionEdge[];

  @Field(() => PageInfo)
  pageInfo!: PageInfo;
}

/**
 * @param currentId the id of the request's session
 * @param hasPreviousPage whether the page starts after a cursor
 */
export function toSessionConnection(
  page: SessionPage,
  currentId: string,
  hasPreviousPage: boolean,
): SessionConnection {
  const edges = page.principals.map((owner) => ({
    cursor: formatCursor(owner.session),
    node: toSessionType(owner.session, currentId),
    user: toUserType(owner),
  }));
  return { edges, pageInfo: toPageInfo(edges, page.hasNextPage, hasPreviousPage) };
}
