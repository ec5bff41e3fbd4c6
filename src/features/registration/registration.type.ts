import { Field, Int, ObjectType } from "type-graphql";
import { AuthPayload } from "../../graphql/auth-payload.type.js";

@ObjectType("PasswordPolicy", { description: "The rules for new passwords." })
export class PasswordPolicyType {
  @Field(() => Int, { description: "In characters (Unicode code points)." })
  minLength!: number;

  @Field(() => Int, { description: "In characters (Unicode code points)." })
  maxLength!: number;

  @Field(() => [String], {
    description: "The values that `extensions.problems` of a refused password can contain.",
  })
  problems!: readonly string[];
}

@ObjectType()
export class RegisterPayload {
  @Field(() => String)
  message!: string;

  @Field(() => AuthPayload, {
    nullable: true,
    description: "Null if the user must open the link of the mail before the first login.",
  })
  auth!: AuthPayload | null;
}
