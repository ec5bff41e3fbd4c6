import { GraphQLDateTime } from "graphql-scalars";
import { Field, ObjectType } from "type-graphql";

/** The API's type `ReauthenticatePayload`. */
@ObjectType()
export class ReauthenticatePayload {
  @Field(() => String)
  message!: string;

  @Field(() => GraphQLDateTime)
  authenticatedAt!: Date;
}
