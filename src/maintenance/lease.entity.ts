import { BigIntType, Entity, PrimaryKey, Property } from "@mikro-orm/core";

/** A lease on a job. Only the instance that holds the lease runs the job. */
@Entity({ tableName: "lease" })
export class LeaseEntity {
  @PrimaryKey({ type: "text" })
  name!: string;

  @Property({ type: "text" })
  holder!: string;

  /** Epoch milliseconds. From this instant on, another instance may take the lease. */
  @Property({ type: new BigIntType("number") })
  expiresAt!: number;
}
