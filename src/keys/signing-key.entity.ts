import { BigIntType, Entity, PrimaryKey, Property } from "@mikro-orm/core";
import type { JwtAlgorithm } from "../config/auth-config.js";

/**
 * A key that signs access tokens. Instants are epoch milliseconds.
 *
 * A key is *next* until `activatesAt`. Then the key is *current* until a later key becomes current. After that, the key
 * is *retired*.
 */
@Entity({ tableName: "signing_key" })
export class SigningKeyEntity {
  @PrimaryKey({ type: "text" })
  kid!: string;

  @Property({ type: "text" })
  algorithm!: JwtAlgorithm;

  /** The private or secret JWK, encrypted with a key derived from the root secret. */
  @Property({ type: "text" })
  sealedKey!: string;

  @Property({ type: new BigIntType("number") })
  createdAt!: number;

  @Property({ type: new BigIntType("number") })
  activatesAt!: number;

  @Property({ type: new BigIntType("number"), nullable: true })
  revokedAt!: number | null;
}
