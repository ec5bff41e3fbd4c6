import { Field, Int, ObjectType } from "type-graphql";

/** The API's type `PasswordPayload`. */
@ObjectType()
export class PasswordPayload {
  @Field(() => String)
  message!: string;

  @Field(() => Int)
  sessionsEnded!: number;
}
