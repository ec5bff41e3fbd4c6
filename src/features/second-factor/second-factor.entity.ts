import {
  BigIntType,
  Entity,
  Index,
  ManyToOne,
  OneToOne,
  PrimaryKey,
  Property,
} from "@mikro-orm/core";
import { UserEntity } from "../../accounts/user.entity.js";

/** A login that waits for its second step. Instants are epoch milliseconds. */
@Entity({ tableName: "login_challenge" })
export class LoginChallengeEntity {
  /** SHA-256 of the token, in hex. */
  @PrimaryKey({ type: "text" })
  tokenHash!: string;

  @Index()
  @ManyToOne({ entity: () => UserEntity, deleteRule: "cascade" })
  user!: UserEntity;

  /** The user's `credentialsVersion` when the first step was checked. */
  @Property({ type: "integer" })
  credentialsVersion!: number;

  /** How the user proved who they are in the first step, such as `pwd`. */
  @Property({ type: "text" })
  methods!: string;

  /** How many answers have been tried. */
  @Property({ type: "integer", default: 0 })
  tries = 0;

  @Index()
  @Property({ type: new BigIntType("number") })
  expiresAt!: number;
}

/** A user's authenticator app, which shows TOTP codes. @see RFC 6238 */
@Entity({ tableName: "totp" })
export class TotpEntity {
  @OneToOne({ entity: () => UserEntity, primary: true, deleteRule: "cascade" })
  user!: UserEntity;

  /** The TOTP secret, encrypted. */
  @Property({ type: "text" })
  sealed!: string;

  /** The time step of the last accepted code. Codes of this step and of earlier ones are refused. */
  @Property({ type: new BigIntType("number") })
  lastStep!: number;

  @Property({ type: new BigIntType("number") })
  addedAt!: number;
}

/** A TOTP secret that the user has not confirmed with a code yet. */
@Entity({ tableName: "totp_enrolment" })
export class TotpEnrolmentEntity {
  @OneToOne({ entity: () => UserEntity, primary: true, deleteRule: "cascade" })
  user!: UserEntity;

  /** The session that must confirm the secret. */
  @Property({ type: "text" })
  sessionId!: string;

  /** The TOTP secret, encrypted. */
  @Property({ type: "text" })
  sealed!: string;

  @Index()
  @Property({ type: new BigIntType("number") })
  expiresAt!: number;
}

/** A recovery code that has not been used yet. */
@Entity({ tableName: "recovery_code" })
export class RecoveryCodeEntity {
  /** SHA-256 of the code, in hex. */
  @PrimaryKey({ type: "text" })
  codeHash!: string;

  @Index()
  @ManyToOne({ entity: () => UserEntity, deleteRule: "cascade" })
  user!: UserEntity;
}
