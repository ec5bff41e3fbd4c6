import { Field, InputType } from "type-graphql";
import type { AuthScheme } from "../events.js";
import type { SessionQuery } from "../sessions/session-list.js";
import { DateTimeFilter, EmailFilter, IdFilter, UsernameFilter } from "./filters.type.js";
import { AuthSchemeEnum } from "./session.type.js";

@InputType({ description: "Filters sessions. Several fields are combined with AND." })
export class SessionFilter {
  @Field(() => IdFilter, { nullable: true })
  userId?: IdFilter | null;

  @Field(() => UsernameFilter, { nullable: true })
  username?: UsernameFilter | null;

  @Field(() => EmailFilter, { nullable: true })
  email?: EmailFilter | null;

  @Field(() => DateTimeFilter, { nullable: true })
  createdAt?: DateTimeFilter | null;

  @Field(() => AuthSchemeEnum, { nullable: true })
  scheme?: AuthScheme | null;

  @Field(() => Boolean, {
    nullable: true,
    defaultValue: true,
    description:
      "True: live sessions. False: ended and expired sessions that are not pruned yet. Null: both.",
  })
  isLive?: boolean | null;
}

/** Converts a filter to a query. Without a filter, the query finds only sessions that can still be used. */
export function toSessionQuery(filter: SessionFilter | null | undefined): SessionQuery {
  if (filter == null) return { isLive: true };
  const { userId, username, email, createdAt, scheme, isLive } = filter;
  return {
    userIds: userId?.in,
    username: username?.exact,
    usernameIexact: username?.iexact,
    emailIcontains: email?.icontains,
    createdAfter: createdAt?.gt?.getTime(),
    createdAtOrAfter: createdAt?.gte?.getTime(),
    createdBefore: createdAt?.lt?.getTime(),
    createdAtOrBefore: createdAt?.lte?.getTime(),
    scheme,
    isLive,
  };
}
