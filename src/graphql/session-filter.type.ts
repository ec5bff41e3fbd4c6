import { GraphQLDateTime } from "graphql-scalars";
import { Field, ID, InputType } from "type-graphql";
import type { AuthScheme } from "../events.js";
import type { SessionQuery } from "../sessions/session-list.js";
import { AuthSchemeEnum } from "./session.type.js";

@InputType({ description: "By user id." })
class IdFilter {
  @Field(() => [ID], { nullable: true, description: "At most 100." })
  in?: string[] | null;
}

@InputType({ description: "By user name." })
class UsernameFilter {
  @Field(() => String, { nullable: true, description: "In the very letters." })
  exact?: string | null;

  @Field(() => String, { nullable: true, description: "In any case." })
  iexact?: string | null;
}

@InputType({ description: "By e-mail address." })
class EmailFilter {
  @Field(() => String, { nullable: true, description: "A part of it, in any case." })
  icontains?: string | null;
}

@InputType({ description: "By an instant." })
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

@InputType({ description: "Which sessions to list. Several fields mean AND." })
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
    description: "False: those that are over, until they are pruned. Null: both.",
  })
  isLive?: boolean | null;
}

/** The query of a filter; none lists the live sessions. */
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
