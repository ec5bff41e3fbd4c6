import { GraphQLDateTime, GraphQLJSON } from "graphql-scalars";
import { Field, ID, ObjectType } from "type-graphql";
import { toDate } from "../../graphql/date-time.js";
import type { ChangedPasskey, OwnPasskey } from "./passkeys.service.js";

@ObjectType("PasskeyOptions", { description: "A use of a passkey that has begun." })
export class PasskeyOptionsType {
  @Field(() => GraphQLJSON, {
    description:
      "Pass it to `PublicKeyCredential.parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON`, and the result as `publicKey` to the browser.",
  })
  options!: object;

  @Field(() => GraphQLDateTime, { description: "Until when the response is accepted." })
  expiresAt!: Date;
}

@ObjectType("Passkey", { description: "A key by which the user can log in without a password." })
export class PasskeyType {
  @Field(() => ID)
  id!: string;

  @Field(() => String)
  label!: string;

  @Field(() => GraphQLDateTime)
  createdAt!: Date;

  @Field(() => GraphQLDateTime, { nullable: true })
  lastUsedAt!: Date | null;

  @Field(() => Boolean, { description: "Whether the key may be on several devices of the user." })
  isSynced!: boolean;

  @Field(() => Boolean, { description: "Whether the key had a backup when it was last used." })
  isBackedUp!: boolean;

  @Field(() => [String], {
    description:
      "How the browser reaches the authenticator: `internal`, `hybrid`, `usb`, `nfc`, `ble`, `smart-card` or `cable`.",
  })
  transports!: string[];

  @Field(() => String, { description: "The `credentialId` for `signalUnknownCredential`." })
  credentialId!: string;

  @Field(() => String, {
    description: "The `rpId` for the functions of the browser whose names begin with `signal`.",
  })
  rpId!: string;

  @Field(() => String, {
    description: "The `userId` for `signalAllAcceptedCredentials` and `signalCurrentUserDetails`.",
  })
  userHandle!: string;
}

@ObjectType()
export class PasskeyPayload {
  @Field(() => String)
  message!: string;

  @Field(() => PasskeyType, { description: "The passkey that was added, renamed or removed." })
  passkey!: PasskeyType;

  @Field(() => [String], {
    description:
      "The credential ids of all passkeys that the user has now, for `signalAllAcceptedCredentials`.",
  })
  acceptedCredentialIds!: string[];
}

@ObjectType()
export class AddPasskeyPayload extends PasskeyPayload {
  @Field(() => [String], {
    nullable: true,
    description:
      "The new recovery codes, if the user had none. They are never shown again. Null if the user has codes already, or second factors are off.",
  })
  recoveryCodes!: string[] | null;
}

export function toPasskeyType({ transports, ...passkey }: OwnPasskey): PasskeyType {
  return {
    ...passkey,
    transports: [...transports],
    createdAt: new Date(passkey.createdAt),
    lastUsedAt: toDate(passkey.lastUsedAt),
  };
}

export function toPasskeyPayload(
  message: string,
  { passkey, acceptedCredentialIds }: ChangedPasskey,
): PasskeyPayload {
  return {
    message,
    passkey: toPasskeyType(passkey),
    acceptedCredentialIds: [...acceptedCredentialIds],
  };
}
