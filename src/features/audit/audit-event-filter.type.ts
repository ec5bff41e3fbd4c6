import { Field, InputType } from "type-graphql";
import { DateTimeFilter, IdFilter } from "../../graphql/filters.type.js";
import type { AuditQuery } from "./audit-list.js";

@InputType({ description: "Filters by the type of an event." })
class AuditEventTypeFilter {
  @Field(() => [String], {
    nullable: true,
    description: "One of these types, such as `login_failed`; at most 100.",
  })
  in?: string[] | null;
}

@InputType({ description: "Filters events. Several fields are combined with AND." })
export class AuditEventFilter {
  @Field(() => AuditEventTypeFilter, { nullable: true })
  type?: AuditEventTypeFilter | null;

  @Field(() => IdFilter, { nullable: true, description: "The user that the event is about." })
  userId?: IdFilter | null;

  @Field(() => IdFilter, { nullable: true, description: "The user who caused the event." })
  actorId?: IdFilter | null;

  @Field(() => IdFilter, {
    nullable: true,
    description: "The session that the event is about, or that its actor used.",
  })
  sessionId?: IdFilter | null;

  @Field(() => DateTimeFilter, { nullable: true })
  at?: DateTimeFilter | null;
}

export function toAuditQuery(filter: AuditEventFilter | null | undefined): AuditQuery {
  const { type, userId, actorId, sessionId, at } = filter ?? {};
  return {
    types: type?.in,
    userIds: userId?.in,
    actorIds: actorId?.in,
    sessionIds: sessionId?.in,
    from: latest(at?.gte?.getTime(), next(at?.gt)),
    before: earliest(at?.lt?.getTime(), next(at?.lte)),
  };
}

/** Returns the millisecond after an instant. */
function next(instant: Date | null | undefined): number | undefined {
  return instant == null ? undefined : instant.getTime() + 1;
}

function latest(...instants: (number | undefined)[]): number | undefined {
  const given = instants.filter((instant) => instant !== undefined);
  return given.length === 0 ? undefined : Math.max(...given);
}

function earliest(...instants: (number | undefined)[]): number | undefined {
  const given = instants.filter((instant) => instant !== undefined);
  return given.length === 0 ? undefined : Math.min(...given);
}
