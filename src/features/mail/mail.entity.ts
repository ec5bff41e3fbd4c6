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
import type { MailPurpose } from "./links.js";

/** A mail that has not been sent yet. The row contains no credential. Instants are epoch milliseconds. */
@Entity({ tableName: "mail_outbox" })
export class MailOutboxEntity {
  /** 128 random bits in hex. The `Message-ID` of the mail contains this id. */
  @PrimaryKey({ type: "text" })
  id!: string;

  @Property({ type: "text" })
  template!: string;

  @Property({ type: "text" })
  recipient!: string;

  @Property({ type: "text", nullable: true })
  locale!: string | null;

  /** The values for the template, in JSON. */
  @Property({ type: "text" })
  data!: string;

  /**
   * The id of the user whom the mail is about. The column has no foreign key, because the mail about a deleted account
   * is sent after the user has been deleted.
   */
  @Property({ type: "text", nullable: true })
  userId!: string | null;

  /** The id of the token in the mail's link. Null for a mail without a link. */
  @Property({ type: "text", nullable: true })
  tokenId!: string | null;

  @Property({ type: new BigIntType("number") })
  queuedAt!: number;

  /** The instant from which an instance may claim the mail. A claim moves this instant into the future. */
  @Index()
  @Property({ type: new BigIntType("number") })
  dueAt!: number;

  /** How many times an instance has claimed the mail. */
  @Property({ type: "integer" })
  attempts = 0;
}

/** A pending request for a mail. The row contains no credential. Instants are epoch milliseconds. */
@Entity({ tableName: "mail_request" })
export class MailRequestEntity {
  @PrimaryKey({ type: "text" })
  id!: string;

  /** The name of the mutation that made the request. */
  @Property({ type: "text" })
  kind!: string;

  /** The data that is needed to handle the request, in JSON. */
  @Property({ type: "text" })
  given!: string;

  /** The client that sent the request, for the audit trail, in JSON. */
  @Property({ type: "text" })
  client!: string;

  @Property({ type: new BigIntType("number") })
  queuedAt!: number;

  /** The instant from which an instance may claim the request. A claim moves this instant into the future. */
  @Index()
  @Property({ type: new BigIntType("number") })
  dueAt!: number;

  /** How many times an instance has claimed the request. */
  @Property({ type: "integer" })
  attempts = 0;
}

/** The token of a link in a mail. A user has at most one token for each purpose. Instants are epoch milliseconds. */
@Entity({ tableName: "mail_token" })
@Unique({ properties: ["user", "purpose"] })
export class MailTokenEntity {
  /** 128 random bits in hex. The token is derived from this id, with a key that is not in the database. */
  @PrimaryKey({ type: "text" })
  id!: string;

  @ManyToOne({ entity: () => UserEntity, deleteRule: "cascade" })
  user!: UserEntity;

  @Property({ type: "text" })
  purpose!: MailPurpose;

  /** The e-mail address that the token proves. */
  @Property({ type: "text" })
  address!: string;

  /** SHA-256 of the token, in hex. */
  @Property({ type: "text" })
  @Unique()
  tokenHash!: string;

  /** The user's `emailKey` when the token was issued. */
  @Property({ type: "text", nullable: true })
  emailKey!: string | null;

  /** The user's `credentialsVersion` when the token was issued. */
  @Property({ type: "integer" })
  credentialsVersion!: number;

  @Index()
  @Property({ type: new BigIntType("number") })
  expiresAt!: number;

  @Property({ type: new BigIntType("number"), nullable: true })
  usedAt!: number | null;
}
