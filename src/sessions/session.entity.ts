import { BigIntType, Entity, Index, ManyToOne, PrimaryKey, Property } from "@mikro-orm/core";
import { UserEntity } from "../accounts/user.entity.js";
import type { AuthScheme, EndReason } from "../events.js";

/** A session. All tokens of one login belong to one session. Instants are epoch milliseconds. */
@Entity({ tableName: "session" })
@Index({ properties: ["createdAt", "id"] })
export class SessionEntity {
  /** 32 hexadecimal digits. They are random, except for a session of one of Django's tokens. */
  @PrimaryKey({ type: "text" })
  id!: string;

  @ManyToOne({ entity: () => UserEntity, deleteRule: "cascade" })
  @Index()
  user!: UserEntity;

  @Property({ type: "text" })
  scheme!: AuthScheme;

  /** The name of the session in lists of sessions. */
  @Property({ type: "text", nullable: true })
  label!: string | null;

  /** SHA-256 of the static token's secret, in hex; null for the schemes JWT and SLIDING. */
  @Property({ type: "text", nullable: true })
  secretHash!: string | null;

  /** The session is live only while this number equals the user's `credentialsVersion`. */
  @Property({ type: "integer" })
  credentialsVersion!: number;

  /** How many times the refresh or sliding token has been rotated. */
  @Property({ type: "integer" })
  generation = 0;

  @Property({ type: new BigIntType("number") })
  createdAt!: number;

  /** When the refresh or sliding token was last rotated. Equals `createdAt` before the first rotation. */
  @Property({ type: new BigIntType("number") })
  rotatedAt!: number;

  /**
   * When the user last proved who they are in this session, such as by a password. Null if the user never did, as with
   * a token of `createStaticToken`.
   */
  @Property({ type: new BigIntType("number"), nullable: true })
  authenticatedAt!: number | null;

  @Property({ type: new BigIntType("number"), nullable: true })
  lastUsedAt!: number | null;

  /** When the session expires. Null if it does not expire. A refresh does not change this time. */
  @Index()
  @Property({ type: new BigIntType("number"), nullable: true })
  expiresAt!: number | null;

  /**
   * When the current refresh or sliding token expires. Null for a static token, and for an access token that another
   * system issued.
   */
  @Index()
  @Property({ type: new BigIntType("number"), nullable: true })
  refreshExpiresAt!: number | null;

  /** The id of the administrator who opened the session to act as the user. Null for the user's own sessions. */
  @Property({ type: "text", nullable: true })
  impersonatorId!: string | null;

  /** The id of the administrator's own session. When that session ends, this session is no longer live. */
  @Property({ type: "text", nullable: true })
  impersonatorSessionId!: string | null;

  @Property({ type: new BigIntType("number"), nullable: true })
  endedAt!: number | null;

  @Property({ type: "text", nullable: true })
  endReason!: EndReason | null;

  @Property({ type: "text", nullable: true })
  ipAddress!: string | null;

  @Property({ type: "text", nullable: true })
  userAgent!: string | null;

  /**
   * How the user proved who they are, such as `pwd otp mfa`. Null if that is unknown, because an older Gatehouse or
   * Django opened the session.
   */
  @Property({ type: "text", nullable: true })
  methods!: string | null;

  /** When the user last proved a second factor in this session. Null if the user never did. */
  @Property({ type: new BigIntType("number"), nullable: true })
  secondFactorAt!: number | null;
}
