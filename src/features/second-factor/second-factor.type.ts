import { Field, Int, ObjectType } from "type-graphql";
import { GraphQLDateTime } from "graphql-scalars";

@ObjectType()
export class SecondFactorState {
  @Field(() => [String], {
    description: "The caller's factors: `totp`, `passkey`, and `recoveryCode` if some are left.",
  })
  factors!: string[];

  @Field(() => Int)
  recoveryCodesLeft!: number;

  @Field(() => Boolean, { description: "Whether the caller must have a second factor." })
  isRequired!: boolean;
}

@ObjectType({ description: "A secret for the user's app. `confirmTotp` makes it work." })
export class BeginTotpPayload {
  @Field(() => String, { description: "In Base32, for users who type it." })
  secret!: string;

  @Field(() => String, { description: "An `otpauth:` URI, which opens the app on a phone." })
  uri!: string;

  @Field(() => String, { description: "A QR code of `uri`, as an SVG document." })
  qr!: string;

  @Field(() => GraphQLDateTime, { description: "Until when `confirmTotp` accepts a code." })
  expiresAt!: Date;
}

@ObjectType()
export class SecondFactorPayload {
  @Field(() => String)
  message!: string;

  @Field(() => [String], {
    nullable: true,
    description:
      "New recovery codes, which cannot be read again. Show them to the user. Null if the user has codes already, and for `disableTotp`.",
  })
  recoveryCodes!: string[] | null;
}
