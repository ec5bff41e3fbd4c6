import { GraphQLDateTime } from "graphql-scalars";
import { Field, ObjectType } from "type-graphql";

@ObjectType()
export class ReauthenticatePayload {
  @Field(() => String)
  message!: string;

  @Field(() => GraphQLDateTime)
  authenticatedAt!: Date;
}
