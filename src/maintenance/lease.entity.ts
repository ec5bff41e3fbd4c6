import { BigIntType, Entity, PrimaryKey, Property } from "@mikro-orm/core";

/** A lease on a job. Only the instance that holds the lease runs the job. */
@Entity({ tableName: "lease" })
export class LeaseEntity {
  @PrimaryKey({ type: "text" })
  name!: string;

  /** The id of the instance that holds the lease. */
  @Property({ type: "text" })
  holder!: string;

  /** Epoch milliseconds. From then on, another instance may take the lease. */
  @Property({ type: new BigIntType("number") })
  expiresAt!: number;
}
