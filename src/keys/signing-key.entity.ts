import { BigIntType, Entity, PrimaryKey, Property } from "@mikro-orm/core";
import type { JwtAlgorithm } from "../config/auth-config.js";

/**
 * A key that signs access tokens. Instants are epoch milliseconds.
 *
 * The clock decides its state: *next* until `activatesAt`, then *current* until a later key becomes current, then
 * *retired*. It can be *revoked* at any time. Rotation only adds a row. Each instance then switches to the new key by
 * its own clock.
 */
@Entity({ tableName: "signing_key" })
export class SigningKeyEntity {
  @PrimaryKey({ type: "text" })
  kid!: string;

  @Property({ type: "text" })
  algorithm!: JwtAlgorithm;

  /** The private or secret JWK, sealed with a key derived from the root secret. */
  @Property({ type: "text" })
  sealedKey!: string;

  @Property({ type: new BigIntType("number") })
  createdAt!: number;

  @Property({ type: new BigIntType("number") })
  activatesAt!: number;

  @Property({ type: new BigIntType("number"), nullable: true })
  revokedAt!: number | null;
}
