import { GraphQLDateTime } from "graphql-scalars";
import { Field, ID, ObjectType, registerEnumType } from "type-graphql";
import type { Role } from "../accounts/role.js";

/** The roles, as type-graphql knows enums. */
const RoleEnum = { USER: "USER", ADMIN: "ADMIN" } as const satisfies Record<Role, Role>;

registerEnumType(RoleEnum, {
  name: "Role",
  description: "What a user may do. Ordered: ADMIN may do what USER may.",
});

@ObjectType("Profile", { description: "What a user may do." })
export class ProfileType {
  @Field(() => RoleEnum)
  role!: Role;
}

@ObjectType("User", { description: "Someone who can log in." })
export class UserType {
  @Field(() => ID)
  id!: string;

  @Field(() => String)
  username!: string;

  @Field(() => String, { nullable: true })
  email!: string | null;

  @Field(() => ProfileType)
  profile!: ProfileType;

  @Field(() => Boolean)
  isActive!: boolean;

  @Field(() => GraphQLDateTime)
  createdAt!: Date;

  @Field(() => GraphQLDateTime, { nullable: true })
  lastLoginAt!: Date | null;
}
