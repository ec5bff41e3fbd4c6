import { BigIntType, Entity, PrimaryKey, Property } from "@mikro-orm/core";

/** A lease: the instance that holds it runs the job, and the others do not. */
@Entity({ tableName: "lease" })
export class LeaseEntity {
  /** The job's name. */
  @PrimaryKey({ type: "text" })
  name!: string;

  /** The id of the instance that holds the lease. */
  @Property({ type: "text" })
  holder!: string;

  /** Epoch milliseconds from which another instance may take the lease. */
  @Property({ type: new BigIntType("number") })
  expiresAt!: number;
}
