import { Field, ObjectType } from "type-graphql";

@ObjectType()
export class DeletePayload {
  @Field(() => String)
  message!: string;
}
