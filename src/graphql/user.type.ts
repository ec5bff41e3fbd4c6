import { GraphQLDateTime } from "graphql-scalars";
import { Field, ID, ObjectType, registerEnumType } from "type-graphql";
import { DEFAULT_ROLES, type Role } from "../accounts/role.js";
import type { User } from "../accounts/user.js";
import { toDate } from "./date-time.js";

/** The default roles, as an object for type-graphql. {@link createSchema} replaces them with the configured roles. */
export const RoleEnum = Object.fromEntries(DEFAULT_ROLES.map((role) => [role, role]));

registerEnumType(RoleEnum, {
  name: "Role",
  description: "The rights of a user. Each role includes the rights of the roles before it.",
});

/** The parent object of resolvers that an application adds to the type `Profile`. */
@ObjectType("Profile", { description: "The rights of a user." })
export class ProfileType {
  /** The user's id. Meant for resolvers of an application. Not a field of the schema. */
  userId!: string;

  @Field(() => RoleEnum)
  role!: Role;
}

/** The parent object of resolvers that an application adds to the type `User`. */
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
