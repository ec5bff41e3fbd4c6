import { Field, Int, ObjectType } from "type-graphql";

/** The API's type `PasswordPayload`. */
@ObjectType()
export class PasswordPayload {
  @Field(() => String)
  message!: string;

  @Field(() => Int)
  sessionsEnded!: number;
}

/** The API's type `DeletePayload`. */
@ObjectType()
export class DeletePayload {
  @Field(() => String)
  message!: string;
}
