import { GraphQLDateTime } from "graphql-scalars";
import { Field, ID, ObjectType, registerEnumType } from "type-graphql";
import type { AuthScheme } from "../events.js";
import { isNamedToken } from "../sessions/named-token.js";
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
        "A short-lived access token, sent as `Authorization: Bearer <access>`, and a refresh token, which is exchanged for a new pair.",
    },
    SLIDING: {
      description:
        "One token, sent as `Authorization: Bearer <token>`. It must be exchanged for a new one before it expires.",
    },
  },
});

@ObjectType("Session", {
  description:
    "A sign-in or a named token. A login opens a sign-in. A session lasts until it ends or expires.",
})
export class SessionType {
  /**
   * The id of the administrator who acts as the user, or null. Meant for resolvers of features. Not a field of the
   * schema.
   */
  impersonatorId!: string | null;

  @Field(() => ID)
  id!: string;

  @Field(() => AuthSchemeEnum)
  scheme!: AuthScheme;

  @Field(() => String, { nullable: true })
  label!: string | null;

  @Field(() => Boolean, {
    description:
      "True for a static token with a label, such as a script uses. All other sessions are sign-ins.",
  })
  isNamedToken!: boolean;

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

  @Field(() => [String], {
    description:
      "How the user proved who they are, as values of RFC 8176, such as `pwd`, `otp` or `mfa`. Empty for a static token.",
  })
  methods!: readonly string[];

  @Field(() => Boolean, {
    description: "Whether this request used the session, or opened it by a login.",
  })
  isCurrent!: boolean;
}

/** @param currentId the id of the request's session. @default no session is the current one */
export function toSessionType(session: SessionInfo, currentId?: string): SessionType {
  const { id, scheme, label, ipAddress, userAgent, impersonatorId } = session;
  return {
    id,
    scheme,
    label,
    isNamedToken: isNamedToken(session),
    createdAt: new Date(session.createdAt),
    lastUsedAt: toDate(session.lastUsedAt),
    expiresAt: toDate(session.expiresAt),
    ipAddress,
    userAgent,
    impersonatorId,
    methods: session.methods,
    isCurrent: id === currentId,
  };
}
