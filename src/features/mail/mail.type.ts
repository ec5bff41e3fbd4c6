import { Field, ObjectType } from "type-graphql";

/** The API's type `MailPayload`. It does not reveal whether a mail was sent, or whether an address has an account. */
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
