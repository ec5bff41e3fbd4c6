import { Field, ObjectType } from "type-graphql";
import { UserType } from "../../graphql/user.type.js";

@ObjectType()
export class UserPayload {
  @Field(() => UserType)
  user!: UserType;
}
