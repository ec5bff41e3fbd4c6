import { GraphQLDateTime } from "graphql-scalars";
import { Field, ObjectType } from "type-graphql";
import { UserType } from "./user.type.js";
import type { AuthScheme } from "../events.js";
import {
  AuthSchemeEnum,
  type LogoutPayload,
  SessionType,
  toDate,
  toSessionType,
  toUserType,
} from "./session.type.js";
import type { Issued } from "../authentication/token-issuer.js";
import type { Verification } from "../authentication/token-verifier.js";

@ObjectType({
  description: "What a login or a refresh gives. Tokens are shown here, and never again.",
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

  @Field(() => String, { nullable: true, description: "JWT: the refresh token, good for one use." })
  refresh!: string | null;

  @Field(() => GraphQLDateTime, {
    nullable: true,
    description: "When `token` or `access` expires. Null: it does not.",
  })
  expiresAt!: Date | null;

  @Field(() => GraphQLDateTime, {
    nullable: true,
    description: "JWT: when `refresh` expires. SLIDING: until when the token can slide.",
  })
  refreshExpiresAt!: Date | null;

  @Field(() => SessionType)
  session!: SessionType;

  @Field(() => UserType)
  user!: UserType;
}

@ObjectType({
  description: "What a token is good for now. An inactive one says nothing else (RFC 7662).",
})
export class TokenVerification {
  @Field(() => Boolean)
  active!: boolean;

  @Field(() => AuthSchemeEnum, { nullable: true })
  scheme!: AuthScheme | null;

  @Field(() => String, {
    nullable: true,
    description:
      "The header scheme to send it with; null for a refresh token, which goes into no header.",
  })
  tokenType!: string | null;

  @Field(() => GraphQLDateTime, { nullable: true })
  expiresAt!: Date | null;

  @Field(() => UserType, { nullable: true })
  user!: UserType | null;
}

/** The answer to a login or a refresh. */
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

/** The answer to a verification. */
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

/** The answer to a logout, in the words of DRF and simplejwt. */
export function toLogoutPayload(scheme: AuthScheme, hasEnded: boolean): LogoutPayload {
  return {
    message: `Logout successful, token ${scheme === "TOKEN" ? "deleted" : "blacklisted"}`,
    sessionsEnded: hasEnded ? 1 : 0,
  };
}
