import { GraphQLDateTime } from "graphql-scalars";
import { Field, ObjectType } from "type-graphql";

@ObjectType()
export class LoginCodePayload {
  @Field(() => String)
  message!: string;

  @Field(() => String, {
    description:
      "Keep it in this browser, and send it with the token of the mail's link. Nobody else can then use the link.",
  })
  proof!: string;

  @Field(() => GraphQLDateTime, { description: "The latest time at which the code can work." })
  expiresAt!: Date;
}
