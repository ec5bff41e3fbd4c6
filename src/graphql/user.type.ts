import { GraphQLDateTime } from "graphql-scalars";
import { Field, ID, ObjectType, registerEnumType } from "type-graphql";
import { DEFAULT_ROLES, type Role } from "../accounts/role.js";
import type { User } from "../accounts/user.js";
import { toDate } from "./date-time.js";

/** The default roles, in the form that type-graphql takes. The schema of each installation gets its own roles. */
const RoleEnum = Object.fromEntries(DEFAULT_ROLES.map((role) => [role, role]));

registerEnumType(RoleEnum, {
  name: "Role",
  description: "The rights of a user. Each role includes the rights of the roles before it.",
});

/** The API's type `Profile`, and the parent object of an application's own fields of `Profile`. */
@ObjectType("Profile", { description: "The rights of a user." })
export class ProfileType {
  /** The user's id. It is not a field of the schema, but an application's own resolvers can use it. */
  userId!: string;

  @Field(() => RoleEnum)
  role!: Role;
}

/** The API's type `User`, and the parent object of an application's own fields of `User`. */
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
    profile: { userId: id, role },
    isActive,
    createdAt: new Date(createdAt),
    lastLoginAt: toDate(lastLoginAt),
  };
}
