import { BigIntType, Entity, PrimaryKey, Property, Unique } from "@mikro-orm/core";

/** A user. Instants are epoch milliseconds. */
@Entity({ tableName: "user" })
export class UserEntity {
  /** 128 random bits in hex. */
  @PrimaryKey({ type: "text" })
  id!: string;

  /** The user name as it was entered. */
  @Property({ type: "text" })
  username!: string;

  /** The canonical form of the user name, for comparison. */
  @Property({ type: "text" })
  @Unique()
  usernameKey!: string;

  @Property({ type: "text", nullable: true })
  email!: string | null;

  /** The canonical form of the e-mail address, for comparison. */
  @Property({ type: "text", nullable: true })
  @Unique()
  emailKey!: string | null;

  /** A PHC string; null for a user who cannot log in by password. */
  @Property({ type: "text", nullable: true })
  passwordHash!: string | null;

  /**
   * Goes up with each new password, activation or deactivation. A session works only while the session and its user
   * have the same `credentialsVersion`.
   */
  @Property({ type: "integer" })
  credentialsVersion = 0;

  /** Wrong passwords in a row. */
  @Property({ type: "integer" })
  failedLogins = 0;

  @Property({ type: "boolean" })
  isActive = true;

  @Property({ type: new BigIntType("number") })
  createdAt!: number;

  @Property({ type: new BigIntType("number"), nullable: true })
  lastLoginAt: number | null = null;
}
