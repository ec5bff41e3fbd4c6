import { GraphQLDateTime } from "graphql-scalars";
import { Field, ID, ObjectType } from "type-graphql";

@ObjectType({ description: "A login at another provider that has begun." })
export class ExternalLoginStart {
  @Field(() => String, { description: "The provider's page. Send the browser there." })
  url!: string;

  @Field(() => String, {
    description:
      "Keep it in this browser, and send it to `completeExternalLogin`. So nobody can complete the login elsewhere.",
  })
  proof!: string;

  @Field(() => GraphQLDateTime)
  expiresAt!: Date;
}

@ObjectType("LinkedAccount", {
  description: "An account at another provider by which the user can log in.",
})
export class LinkedAccountType {
  @Field(() => ID)
  id!: string;

  @Field(() => String, { description: "One of `externalProviders`, unless it was removed." })
  provider!: string;

  @Field(() => String, {
    nullable: true,
    description: "The address or the name at the provider, when the account was linked.",
  })
  name!: string | null;

  @Field(() => GraphQLDateTime)
  linkedAt!: Date;

  @Field(() => GraphQLDateTime, { nullable: true })
  lastUsedAt!: Date | null;
}
