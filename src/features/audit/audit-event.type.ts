import type DataLoader from "dataloader";
import { GraphQLDateTime } from "graphql-scalars";
import { Field, ID, ObjectType } from "type-graphql";
import type { User } from "../../accounts/user.js";
import { formatCursor } from "../../graphql/cursor.js";
import { PageInfo, toPageInfo } from "../../graphql/page-info.type.js";
import type { Principal } from "../../sessions/principal.js";
import type { AuditPage, StoredEvent } from "./audit-list.js";

@ObjectType({ description: "A value that belongs to an event." })
export class AuditDetail {
  @Field(() => String)
  name!: string;

  @Field(() => String, { nullable: true })
  value!: string | null;
}

/** The API's type `AuditEvent`. Its resolver adds the users. */
@ObjectType("AuditEvent", {
  description:
    "Something that happened to an account, a session or a key. Only administrators see other users in it.",
})
export class AuditEventType {
  /**
   * The resolver reads these fields. The schema does not have them. An id is null if there is no such user, or if the
   * caller may not see the user.
   */
  actorId!: string | null;
  impersonatorId!: string | null;
  subjectId!: string | null;
  users!: DataLoader<string, User | null>;

  @Field(() => ID)
  id!: string;

  @Field(() => String, { description: "Such as `token_issued` or `login_failed`." })
  type!: string;

  @Field(() => GraphQLDateTime)
  at!: Date;

  @Field(() => Boolean, {
    description:
      "Whether someone other than the event's own user caused it, such as an administrator.",
  })
  isByOther!: boolean;

  @Field(() => ID, { nullable: true, description: "The session that the event is about." })
  sessionId!: string | null;

  @Field(() => ID, { nullable: true, description: "The session that the actor used." })
  actorSessionId!: string | null;

  @Field(() => String, { nullable: true })
  ipAddress!: string | null;

  @Field(() => String, { nullable: true })
  userAgent!: string | null;

  @Field(() => String, { nullable: true, description: "The id of the request in the log." })
  requestId!: string | null;

  @Field(() => [AuditDetail])
  details!: AuditDetail[];
}

/** @see https://relay.dev/graphql/connections.htm#sec-Edge-Types */
@ObjectType()
export class AuditEventEdge {
  @Field(() => String)
  cursor!: string;

  @Field(() => AuditEventType)
  node!: AuditEventType;
}

/** @see https://relay.dev/graphql/connections.htm#sec-Connection-Types */
@ObjectType({ description: "A page of events, newest first." })
export class AuditEventConnection {
  @Field(() => [AuditEventEdge])
  edges!: AuditEventEdge[];

  @Field(() => PageInfo)
  pageInfo!: PageInfo;
}

/**
 * Converts a page of events to the API's type. Leaves out what the caller may not see.
 * @param users loads the users of the page
 * @param hasPreviousPage whether the page starts after a cursor
 */
export function toAuditEventConnection(
  page: AuditPage,
  caller: Principal,
  users: DataLoader<string, User | null>,
  hasPreviousPage: boolean,
): AuditEventConnection {
  const edges = page.events.map((event) => ({
    cursor: formatCursor({ createdAt: event.at, id: event.id }),
    node: { ...toAuditEvent(event, caller), users },
  }));
  return { edges, pageInfo: toPageInfo(edges, page.hasNextPage, hasPreviousPage) };
}

/**
 * Converts an event to the API's type. An administrator sees everything. Other callers do not see the ids of other
 * users. They do not see the actor's IP address, user agent, request id and session in these cases:
 * - Another user caused the event.
 * - An administrator acted as the caller.
 */
export function toAuditEvent(
  event: StoredEvent,
  caller: Pick<Principal, "id" | "isAdmin">,
): Omit<AuditEventType, "users"> {
  const { id, type, actorId, impersonatorId, subjectId, sessionId } = event;
  const isOwnClient = impersonatorId === null && (actorId === null || actorId === caller.id);
  const ofClient = <Value>(value: Value) => (caller.isAdmin || isOwnClient ? value : null);
  const ofUser = (userId: string | null) =>
    caller.isAdmin || userId === caller.id ? userId : null;
  return {
    id,
    type,
    at: new Date(event.at),
    actorId: ofUser(actorId),
    impersonatorId: ofUser(impersonatorId),
    subjectId: ofUser(subjectId),
    isByOther: impersonatorId !== null || (actorId !== null && actorId !== subjectId),
    sessionId,
    actorSessionId: ofClient(event.actorSessionId),
    ipAddress: ofClient(event.ipAddress),
    userAgent: ofClient(event.userAgent),
    requestId: ofClient(event.requestId),
    details: toDetails(event.details),
  };
}

function toDetails(json: string | null): AuditDetail[] {
  const details = JSON.parse(json ?? "{}") as Readonly<Record<string, unknown>>;
  return Object.entries(details).map(([name, value]) => ({
    name,
    value: value === null ? null : typeof value === "string" ? value : JSON.stringify(value),
  }));
}
