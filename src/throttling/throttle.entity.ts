import { BigIntType, Entity, Index, PrimaryKey, Property } from "@mikro-orm/core";

/** A counter of a rate limit, in the database. Instants are epoch milliseconds. */
@Entity({ tableName: "throttle" })
export class ThrottleEntity {
  /** The name of the limit and a keyed hash of the user, address or session, such as `address-logins:x7Qf`. */
  @PrimaryKey({ type: "text" })
  key!: string;

  @Property({ type: "integer" })
  points!: number;

  @Property({ type: new BigIntType("number") })
  blockedUntil!: number;

  @Index()
  @Property({ type: new BigIntType("number") })
  expiresAt!: number;
}
