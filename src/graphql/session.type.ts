import { GraphQLDateTime } from "graphql-scalars";
import { Field, ID, Int, ObjectType, registerEnumType } from "type-graphql";
import type { AuthScheme } from "../events.js";
import { UserType } from "./user.type.js";
import type { Principal, SessionInfo } from "../sessions/principal.js";

/** The schemes, as type-graphql knows enums. */
export const AuthSchemeEnum = {
  TOKEN: "TOKEN",
  JWT: "JWT",
  SLIDING: "SLIDING",
} as const satisfies Record<AuthScheme, AuthScheme>;

registerEnumType(AuthSchemeEnum, {
  name: "AuthScheme",
  description: "How a session proves itself.",
  valuesConfig: {
    TOKEN: { description: "One static key, sent as `Authorization: Token <key>`." },
    JWT: {
      description:
        "A short-lived access token, sent as `Authorization: Bearer <access>`, and a refresh token to get the next pair.",
    },
    SLIDING: {
      description:
        "One token, sent as `Authorization: Bearer <token>`, that is exchanged for its successor before it expires.",
    },
  },
});

@ObjectType("Session", { description: "One login: what is listed, and what a logout ends." })
export class SessionType {
  @Field(() => ID)
  id!: string;

  @Field(() => AuthSchemeEnum)
  scheme!: AuthScheme;

  @Field(() => String, { nullable: true })
  label!: string | null;

  @Field(() => GraphQLDateTime)
  createdAt!: Date;

  @Field(() => GraphQLDateTime, { nullable: true })
  lastUsedAt!: Date | null;

  @Field(() => GraphQLDateTime, { nullable: true, description: "Null: does not expire." })
  expiresAt!: Date | null;

  @Field(() => String, { nullable: true })
  ipAddress!: string | null;

  @Field(() => String, { nullable: true })
  userAgent!: string | null;

  @Field(() => Boolean, { description: "Whether this request was made with it, or opened it." })
  isCurrent!: boolean;
}

/** @see https://relay.dev/graphql/connections.htm#sec-undefined.PageInfo */
@ObjectType({ description: "Where a page stands in its list." })
export class PageInfo {
  @Field(() => Boolean)
  hasNextPage!: boolean;

  @Field(() => Boolean)
  hasPreviousPage!: boolean;

  @Field(() => String, { nullable: true })
  startCursor!: string | null;

  @Field(() => String, { nullable: true })
  endCursor!: string | null;
}

@ObjectType()
export class SessionEdge {
  @Field(() => String)
  cursor!: string;

  @Field(() => SessionType)
  node!: SessionType;

  @Field(() => UserType, { description: "Whose session it is." })
  user!: UserType;
}

@ObjectType({ description: "A page of sessions, newest first." })
export class SessionConnection {
  @Field(() => [SessionEdge])
  edges!: SessionEdge[];

  @Field(() => PageInfo)
  pageInfo!: PageInfo;
}

@ObjectType()
export class LogoutPayload {
  @Field(() => String)
  message!: string;

  @Field(() => Int)
  sessionsEnded!: number;
}

/** The API's view of a session. */
export function toSessionType(session: SessionInfo, currentId: string | undefined): SessionType {
  const { id, scheme, label, ipAddress, userAgent } = session;
  return {
    id,
    scheme,
    label,
    createdAt: new Date(session.createdAt),
    lastUsedAt: toDate(session.lastUsedAt),
    expiresAt: toDate(session.expiresAt),
    ipAddress,
    userAgent,
    isCurrent: id === currentId,
  };
}

/** The API's view of a user. */
export function toUserType(principal: Principal): UserType {
  const { id, username, email, role, isActive, createdAt, lastLoginAt } = principal;
  return {
    id,
    username,
    email,
    profile: { role },
    isActive,
    createdAt: new Date(createdAt),
    lastLoginAt: toDate(lastLoginAt),
  };
}

/** An instant in epoch milliseconds, as the DateTime scalar takes it. */
export function toDate(instant: number | null): Date | null {
  return instant === null ? null : new Date(instant);
}
