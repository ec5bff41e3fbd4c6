import { Field, Int, ObjectType } from "type-graphql";

@ObjectType()
export class PasswordPayload {
  @Field(() => String)
  message!: string;

  @Field(() => Int)
  sessionsEnded!: number;
}
