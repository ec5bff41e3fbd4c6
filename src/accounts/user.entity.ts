import { BigIntType, Entity, Index, PrimaryKey, Property, Unique } from "@mikro-orm/core";

/** Instants are epoch milliseconds. */
@Entity({ tableName: "user" })
@Index({ properties: ["createdAt", "id"] })
@Index({
  name: "user_last_login_index",
  expression: `create index "user_last_login_index" on "user" (coalesce("last_login_at", 0), "id")`,
})
export class UserEntity {
  /** 32 hexadecimal digits. They are random, except for users from Django. */
  @PrimaryKey({ type: "text" })
  id!: string;

  /** The user name as it was entered. */
  @Property({ type: "text" })
  username!: string;

  /** The canonical form of the user name, for comparison. */
  @Property({ type: "text" })
  @Unique()
  usernameKey!: string;

  /**
   * The skeleton of the user name in lower case, to find names that look alike (see `Skeletons`). Null if an older
   * Gatehouse created the user. The next start of a newer Gatehouse then fills it in.
   */
  @Property({ type: "text", nullable: true })
  @Unique()
  usernameSkeleton!: string | null;

  /**
   * The skeleton of the user name as it was entered. Null if it equals `usernameSkeleton`.
   *
   * An older Gatehouse may have created two users with the same skeleton. The second user then has that skeleton here,
   * and its `usernameSkeleton` is the same skeleton, `#` and the user's id.
   */
  @Property({ type: "text", nullable: true })
  @Index()
  shownSkeleton!: string | null;

  @Property({ type: "text", nullable: true })
  email!: string | null;

  /** The canonical form of the e-mail address, for comparison. */
  @Property({ type: "text", nullable: true })
  @Unique()
  emailKey!: string | null;

  /** A PHC string, or a hash from another system. Null for a user who cannot log in by password. */
  @Property({ type: "text", nullable: true })
  passwordHash!: string | null;

  /**
   * Increases when the password is changed or removed, and when the user is activated or deactivated. A session works
   * only while its `credentialsVersion` equals its user's.
   */
  @Property({ type: "integer" })
  credentialsVersion = 0;

  /** The number of wrong passwords and second factors in a row. */
  @Property({ type: "integer" })
  failedLogins = 0;

  @Property({ type: "boolean" })
  isActive = true;

  @Property({ type: new BigIntType("number") })
  createdAt!: number;

  @Property({ type: new BigIntType("number"), nullable: true })
  lastLoginAt: number | null = null;
}
