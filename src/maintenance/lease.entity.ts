import { BigIntType, Entity, PrimaryKey, Property } from "@mikro-orm/core";

/** The right to do a job that one instance among several does. */
@Entity({ tableName: "lease" })
export class LeaseEntity {
  /** The job. */
  @PrimaryKey({ type: "text" })
  name!: string;

  /** The instance that has it. */
  @Property({ type: "text" })
  holder!: string;

  /** When another may take it, in epoch milliseconds. */
  @Property({ type: new BigIntType("number") })
  expiresAt!: number;
}
