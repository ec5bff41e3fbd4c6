import { GraphQLDateTime } from "graphql-scalars";
import { Field, ID, InputType } from "type-graphql";
import type { AuthScheme } from "../events.js";
import type { SessionQuery } from "../sessions/session-list.js";
import { AuthSchemeEnum } from "./session.type.js";

@InputType({ description: "Filters by user id." })
class IdFilter {
  @Field(() => [ID], { nullable: true, description: "One of these ids, at most 100." })
  in?: string[] | null;
}

@InputType({ description: "Filters by user name." })
class UsernameFilter {
  @Field(() => String, { nullable: true, description: "Exact match." })
  exact?: string | null;

  @Field(() => String, { nullable: true, description: "Match in any case." })
  iexact?: string | null;
}

@InputType({ description: "Filters by e-mail address." })
class EmailFilter {
  @Field(() => String, { nullable: true, description: "Part of the address, in any case." })
  icontains?: string | null;
}

@InputType({ description: "Filters by an instant." })
class DateTimeFilter {
  @Field(() => GraphQLDateTime, { nullable: true })
  gt?: Date | null;

  @Field(() => GraphQLDateTime, { nullable: true })
  gte?: Date | null;

  @Field(() => GraphQLDateTime, { nullable: true })
  lt?: Date | null;

  @Field(() => GraphQLDateTime, { nullable: true })
  lte?: Date | null;
}

/** The API's type `SessionFilter`. */
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

/** Converts a filter to a query. Without a filter, the query is for live sessions. */
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
