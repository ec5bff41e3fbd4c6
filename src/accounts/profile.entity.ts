import { Entity, Index, OneToOne, Property } from "@mikro-orm/core";
import type { Role } from "./role.js";
import { UserEntity } from "./user.entity.js";

/** Holds the role of a user. A user without a Profile has the lowest role. */
@Entity({ tableName: "profile" })
export class ProfileEntity {
  @OneToOne({ entity: () => UserEntity, primary: true, deleteRule: "cascade" })
  user!: UserEntity;

  @Index()
  @Property({ type: "text" })
  role!: Role;
}
