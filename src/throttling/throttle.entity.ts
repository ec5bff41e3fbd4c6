import { BigIntType, Entity, Index, PrimaryKey, Property } from "@mikro-orm/core";

/** How often something was tried, where that is counted in the database. Instants are epoch milliseconds. */
@Entity({ tableName: "throttle" })
export class ThrottleEntity {
  /** The rule's name, and a keyed hash of what is counted. */
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
