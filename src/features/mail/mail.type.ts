import { Field, ObjectType } from "type-graphql";

@ObjectType()
export class MailPayload {
  @Field(() => String)
  message!: string;
}
