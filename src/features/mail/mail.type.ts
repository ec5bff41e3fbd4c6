import { Field, ObjectType } from "type-graphql";

/** The API's type `MailPayload`. It is alike whether or not there is somebody to write to. */
@ObjectType()
export class MailPayload {
  @Field(() => String)
  message!: string;
}

/** The API's type `VerifyEmailPayload`. */
@ObjectType()
export class VerifyEmailPayload {
  @Field(() => String)
  message!: string;
}
