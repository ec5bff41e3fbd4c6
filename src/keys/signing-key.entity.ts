import { BigIntType, Entity, PrimaryKey, Property } from "@mikro-orm/core";
import type { JwtAlgorithm } from "../config.js";

/** `next` is published only, `active` signs, `retired` verifies, `revoked` does nothing. */
export type SigningKeyState = "next" | "active" | "retired" | "revoked";

/** A key that signs access tokens. Instants are epoch milliseconds. */
@Entity({ tableName: "signing_key" })
export class SigningKeyEntity {
  @PrimaryKey({ type: "text" })
  kid!: string;

  @Property({ type: "text" })
  algorithm!: JwtAlgorithm;

  @Property({ type: "text" })
  state!: SigningKeyState;

  /** The private or secret JWK, sealed. */
  @Property({ type: "text" })
  sealedKey!: string;

  @Property({ type: new BigIntType("number") })
  createdAt!: number;

  /** When the key came into its present state. */
  @Property({ type: new BigIntType("number") })
  changedAt!: number;
}
