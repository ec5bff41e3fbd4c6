import { Entity, OneToOne, Property } from "@mikro-orm/core";
import type { Role } from "./role.js";
import { UserEntity } from "./user.entity.js";

/** What a user may do. A user without a Profile counts as a USER. */
@Entity({ tableName: "profile" })
export class ProfileEntity {
  @OneToOne({ entity: () => UserEntity, primary: true, deleteRule: "cascade" })
  user!: UserEntity;

  @Property({ type: "text" })
  role!: Role;
}
