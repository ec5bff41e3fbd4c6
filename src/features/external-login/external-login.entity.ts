import {
  BigIntType,
  Entity,
  Index,
  ManyToOne,
  PrimaryKey,
  Property,
  Unique,
} from "@mikro-orm/core";
import { UserEntity } from "../../accounts/user.entity.js";

/** A login that has begun, and that the external provider has not answered yet. Instants are epoch milliseconds. */
@Entity({ tableName: "external_login" })
export class ExternalLoginEntity {
  /** SHA-256 of the `state`, in hex. */
  @PrimaryKey({ type: "text" })
  stateHash!: string;

  /** SHA-256, in hex, of a random secret that only the browser that began the login has. */
  @Property({ type: "text" })
  proofHash!: string;

  @Property({ type: "text" })
  provider!: string;

  /** The page to which the provider sends the browser. */
  @Property({ type: "text" })
  redirectTo!: string;

  /** The nonce and the PKCE code verifier, encrypted. */
  @Property({ type: "text" })
  sealed!: string;

  /** The signed-in user, who links an account at the provider. Null if no user was signed in at the start. */
  @ManyToOne({ entity: () => UserEntity, deleteRule: "cascade", nullable: true, index: false })
  user!: UserEntity | null;

  /** The session of `user`. */
  @Property({ type: "text", nullable: true })
  sessionId!: string | null;

  @Index()
  @Property({ type: new BigIntType("number") })
  expiresAt!: number;
}

/** An account at a provider by which a user can log in. Instants are epoch milliseconds. */
@Entity({ tableName: "linked_account" })
@Unique({ properties: ["issuer", "subject"] })
export class LinkedAccountEntity {
  /** 128 random bits in hex. */
  @PrimaryKey({ type: "text" })
  id!: string;

  @Index()
  @ManyToOne({ entity: () => UserEntity, deleteRule: "cascade" })
  user!: UserEntity;

  /** The name of the provider in the settings. */
  @Property({ type: "text" })
  provider!: string;

  /** The `iss` of the ID token, or the URL of GitHub. */
  @Property({ type: "text" })
  issuer!: string;

  /** The `sub` of the ID token, or the id of the user at GitHub. */
  @Property({ type: "text" })
  subject!: string;

  /** The address or the name of the user at the provider, when the account was linked. */
  @Property({ type: "text", nullable: true })
  name!: string | null;

  @Property({ type: new BigIntType("number") })
  linkedAt!: number;

  /** When the user last logged in with this account. */
  @Property({ type: new BigIntType("number"), nullable: true })
  lastUsedAt!: number | null;
}
