import { BigIntType, Entity, Index, ManyToOne, PrimaryKey, Property } from "@mikro-orm/core";
import { UserEntity } from "../../accounts/user.entity.js";

/** The handle by which authenticators know a user. It never changes, and does not reveal who the user is. */
@Entity({ tableName: "passkey_user" })
export class PasskeyUserEntity {
  @ManyToOne({ entity: () => UserEntity, primary: true, deleteRule: "cascade", index: false })
  user!: UserEntity;

  /** 64 random bytes in base64url. */
  @Property({ type: "text" })
  handle!: string;
}

/** A key with which a user can log in. Instants are epoch milliseconds. */
@Entity({ tableName: "passkey" })
export class PasskeyEntity {
  /** 128 random bits in hex. */
  @PrimaryKey({ type: "text" })
  id!: string;

  @Index()
  @ManyToOne({ entity: () => UserEntity, deleteRule: "cascade" })
  user!: UserEntity;

  /** The id that the authenticator chose, in base64url. */
  @Property({ type: "text", unique: true })
  credentialId!: string;

  /** A COSE_Key in base64url. @see RFC 9052 7 */
  @Property({ type: "text" })
  publicKey!: string;

  /** The signature counter of the last use. 0 for an authenticator without a counter. */
  @Property({ type: new BigIntType("number") })
  counter!: number;

  /** The ways to reach the authenticator, such as `internal hybrid`. */
  @Property({ type: "text" })
  transports!: string;

  /** Whether the key may be on several devices. The value never changes. */
  @Property({ type: "boolean" })
  isSynced!: boolean;

  /** Whether the key had a backup when it was last used. */
  @Property({ type: "boolean" })
  isBackedUp!: boolean;

  @Property({ type: "text" })
  label!: string;

  @Property({ type: new BigIntType("number") })
  createdAt!: number;

  @Property({ type: new BigIntType("number"), nullable: true })
  lastUsedAt!: number | null;
}

/** A challenge that has not been answered yet. */
@Entity({ tableName: "passkey_challenge" })
export class PasskeyChallengeEntity {
  /** SHA-256 of the challenge, in hex. */
  @PrimaryKey({ type: "text" })
  challengeHash!: string;

  /** `registration` or `login`. */
  @Property({ type: "text" })
  ceremony!: string;

  /** The user who registers a passkey. Null for a login. */
  @ManyToOne({ entity: () => UserEntity, deleteRule: "cascade", nullable: true, index: false })
  user!: UserEntity | null;

  /** The id of the session that registers a passkey. Null for a login. */
  @Property({ type: "text", nullable: true })
  sessionId!: string | null;

  @Index()
  @Property({ type: new BigIntType("number") })
  expiresAt!: number;
}
