import { BigIntType, Entity, Index, PrimaryKey, Property } from "@mikro-orm/core";

/**
 * The pending code of an address. An address without an account has a row, too. Otherwise the time to check a wrong
 * code would reveal whether there is an account. Instants are epoch milliseconds.
 */
@Entity({ tableName: "login_code" })
export class LoginCodeEntity {
  /** The address in canonical form. */
  @PrimaryKey({ type: "text" })
  emailKey!: string;

  /** The id of the mail's token, from which the code is derived. Null if the address has no account. */
  @Property({ type: "text", nullable: true })
  tokenId!: string | null;

  /**
   * The SHA-256 hashes of the proofs, in hex, separated by spaces. Each client that requested this code got a proof
   * from `requestLoginCode`. There are few proofs, because the number of mails is limited.
   */
  @Property({ type: "text" })
  proofHash!: string;

  /** How many codes were tried. */
  @Property({ type: "integer", default: 0 })
  tries = 0;

  @Index()
  @Property({ type: new BigIntType("number") })
  expiresAt!: number;
}
