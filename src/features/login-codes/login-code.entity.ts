import { BigIntType, Entity, Index, PrimaryKey, Property } from "@mikro-orm/core";

/**
 * The pending code of an address. An address without an account has a row, too: otherwise the time of a
 * wrong code would reveal whether there is an account. Instants are epoch milliseconds.
 */
@Entity({ tableName: "login_code" })
export class LoginCodeEntity {
  /** The address in canonical form. */
  @PrimaryKey({ type: "text" })
  emailKey!: string;

  /** The token of the mail, from which the code is derived. Null if the address has no account. */
  @Property({ type: "text", nullable: true })
  tokenId!: string | null;

  /**
   * SHA-256 of each proof that only a client that sent a request for this code has, in hex, separated by spaces. Mails
   * are limited, so there are few.
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
