import { GraphQLDateTime } from "graphql-scalars";
import { Field, ObjectType } from "type-graphql";
import type { Issued } from "../../authentication/token-issuer.js";
import { toAuthPayload } from "../../graphql/auth-payload.type.js";
import { SessionType, toSessionType } from "../../graphql/session.type.js";

@ObjectType()
export class CreateTokenPayload {
  @Field(() => String, { description: "The token. It cannot be read again later." })
  token!: string;

  @Field(() => String, { description: "The header scheme to send: `Token`." })
  tokenType!: string;

  @Field(() => GraphQLDateTime, {
    nullable: true,
    description: "Null if the token does not expire.",
  })
  expiresAt!: Date | null;

  @Field(() => SessionType)
  session!: SessionType;
}

export function toCreateTokenPayload(issued: Issued): CreateTokenPayload {
  const { token, tokenType, expiresAt } = toAuthPayload(issued);
  const session = toSessionType(issued.principal.session);
  return { token: token ?? "", tokenType, expiresAt, session };
}
