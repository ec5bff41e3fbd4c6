import { BigIntType, Entity, Index, PrimaryKey, Property } from "@mikro-orm/core";

/** A counter of the database store. Instants are epoch milliseconds. */
@Entity({ tableName: "throttle" })
export class ThrottleEntity {
  /** The name of the `LimiterRule`, and a keyed hash of the account, address or session. */
  @PrimaryKey({ type: "text" })
  key!: string;

  /** Attempts counted so far. */
  @Property({ type: "integer" })
  points!: number;

  @Property({ type: new BigIntType("number") })
  blockedUntil!: number;

  @Index()
  @Property({ type: new BigIntType("number") })
  expiresAt!: number;
}
