import { GraphQLDateTime } from "graphql-scalars";
import { Field, ObjectType } from "type-graphql";
import type { Issued } from "../authentication/token-issuer.js";
import type { Verification } from "../authentication/token-verifier.js";
import type { AuthScheme } from "../events.js";
import { toDate } from "./date-time.js";
import { AuthSchemeEnum, SessionType, toSessionType } from "./session.type.js";
import { toUserType, UserType } from "./user.type.js";

@ObjectType({
  description: "The result of a login or a refresh. Its tokens cannot be read again later.",
})
export class AuthPayload {
  @Field(() => AuthSchemeEnum)
  scheme!: AuthScheme;

  @Field(() => String, { description: "The header scheme to send: `Token` or `Bearer`." })
  tokenType!: string;

  @Field(() => String, {
    nullable: true,
    description: "TOKEN: the key. SLIDING: the sliding token.",
  })
  token!: string | null;

  @Field(() => String, { nullable: true, description: "JWT: the access token." })
  access!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "JWT: the refresh token. It can be used once.",
  })
  refresh!: string | null;

  @Field(() => GraphQLDateTime, {
    nullable: true,
    description: "When `token` or `access` expires. Null if it does not expire.",
  })
  expiresAt!: Date | null;

  @Field(() => GraphQLDateTime, {
    nullable: true,
    description: "JWT: when `refresh` expires. SLIDING: until when the token can be refreshed.",
  })
  refreshExpiresAt!: Date | null;

  @Field(() => SessionType)
  session!: SessionType;

  @Field(() => UserType)
  user!: UserType;
}

/** @see RFC 7662 2.2 */
@ObjectType({
  description: "The state of a token. If it is not active, every other field is null (RFC 7662).",
})
export class TokenVerification {
  @Field(() => Boolean)
  active!: boolean;

  @Field(() => AuthSchemeEnum, { nullable: true })
  scheme!: AuthScheme | null;

  @Field(() => String, {
    nullable: true,
    description:
      "The header scheme to send the token with: `Token` or `Bearer`. Null for a refresh token, which is never sent in a header.",
  })
  tokenType!: string | null;

  @Field(() => GraphQLDateTime, { nullable: true })
  expiresAt!: Date | null;

  @Field(() => UserType, { nullable: true })
  user!: UserType | null;
}

export function toAuthPayload(issued: Issued): AuthPayload {
  const { principal, token, access, refresh } = issued;
  const { session } = principal;
  return {
    scheme: session.scheme,
    tokenType: session.scheme === "TOKEN" ? "Token" : "Bearer",
    token,
    access,
    refresh,
    expiresAt: toDate(issued.expiresAt),
    refreshExpiresAt: toDate(issued.refreshExpiresAt),
    session: toSessionType(session, session.id),
    user: toUserType(principal),
  };
}

/** @param verification null for a token that is not active */
export function toTokenVerification(verification: Verification | null): TokenVerification {
  if (verification === null) {
    return { active: false, scheme: null, tokenType: null, expiresAt: null, user: null };
  }
  const { principal, tokenType, expiresAt } = verification;
  return {
    active: true,
    scheme: principal.session.scheme,
    tokenType,
    expiresAt: toDate(expiresAt),
    user: toUserType(principal),
  };
}
