import { GraphQLDateTime } from "graphql-scalars";
import { Field, ID, ObjectType, registerEnumType } from "type-graphql";
import type { User } from "../accounts/accounts.js";
import type { Role } from "../accounts/role.js";
import { toDate } from "./date-time.js";

/** The roles, in the form that type-graphql takes. */
const RoleEnum = { USER: "USER", ADMIN: "ADMIN" } as const satisfies Record<Role, Role>;

registerEnumType(RoleEnum, {
  name: "Role",
  description: "The rights of a user. Each role includes the rights of the roles before it.",
});

/** The API's type `Profile`. */
@ObjectType("Profile", { description: "The rights of a user." })
export class ProfileType {
  @Field(() => RoleEnum)
  role!: Role;
}

/** The API's type `User`. */
@ObjectType("User", { description: "An account that can log in." })
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

/** Converts a user to the API's type. */
export function toUserType(user: User): UserType {
  const { id, username, email, role, isActive, createdAt, lastLoginAt } = user;
  return {
    id,
    username,
    email,
    profile: { role },
    isActive,
    createdAt: new Date(createdAt),
    lastLoginAt: toDate(lastLoginAt),
  };
}
