import { GraphQLDateTime } from "graphql-scalars";
import { Field, ID, ObjectType, registerEnumType } from "type-graphql";
import type { AuthScheme } from "../events.js";
import type { SessionInfo } from "../sessions/principal.js";
import { toDate } from "./date-time.js";

/** The enum `AuthScheme`, as an object for type-graphql. */
export const AuthSchemeEnum = {
  TOKEN: "TOKEN",
  JWT: "JWT",
  SLIDING: "SLIDING",
} as const satisfies Record<AuthScheme, AuthScheme>;

registerEnumType(AuthSchemeEnum, {
  name: "AuthScheme",
  description: "The kind of credential that a session uses.",
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

@ObjectType("Session", {
  description: "A session opened by one login. It lasts until the logout or the expiry.",
})
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

  @Field(() => GraphQLDateTime, {
    nullable: true,
    description: "Null if the session does not expire.",
  })
  expiresAt!: Date | null;

  @Field(() => String, { nullable: true })
  ipAddress!: string | null;

  @Field(() => String, { nullable: true })
  userAgent!: string | null;

  @Field(() => Boolean, { description: "Whether this request used the session, or opened it." })
  isCurrent!: boolean;
}

/** @param currentId the id of the request's own session */
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
