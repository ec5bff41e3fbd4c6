import { Field, ObjectType } from "type-graphql";

/** The message must not reveal whether a mail was sent, or whether an address has an account. */
@ObjectType()
export class MailPayload {
  @Field(() => String)
  message!: string;
}

@ObjectType()
export class VerifyEmailPayload {
  @Field(() => String)
  message!: string;
}
