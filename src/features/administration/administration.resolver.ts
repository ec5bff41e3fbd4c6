import { Arg, Ctx, Directive, ID, Mutation, Resolver } from "type-graphql";
import type { Role } from "../../accounts/role.js";
import type { AuthContext } from "../../authentication/context.js";
import { DeletePayload } from "../../graphql/delete-payload.type.js";
import { LogoutPayload, toSessionsEnded } from "../../graphql/logout-payload.type.js";
import { RoleEnum, toUserType } from "../../graphql/user.type.js";
import { FRESH_ADMIN_ONLY } from "../../permissions/directives.js";
import type { AdministrationService } from "./administration.service.js";
import { UserPayload } from "./user-payload.type.js";

@Resolver()
export class AdministrationResolver {
  readonly #service: AdministrationService;

  constructor(service: AdministrationService) {
    this.#service = service;
  }

  @Mutation(() => UserPayload, {
    description: "Creates a user. Without a password, the user cannot log in by password yet.",
  })
  @Directive(FRESH_ADMIN_ONLY)
  async createUser(
    @Arg("username", () => String) username: string,
    @Arg("email", () => String, { nullable: true }) email: string | null | undefined,
    @Arg("password", () => String, { nullable: true }) password: string | null | undefined,
    @Arg("role", () => RoleEnum, {
      nullable: true,
      description: "If missing, the user gets the lowest role.",
    })
    role: Role | null | undefined,
    @Ctx() context: AuthContext,
  ): Promise<UserPayload> {
    const values = { username, email, password, role: role ?? undefined };
    return { user: toUserType(await this.#service.createUser(context, values)) };
  }

  @Mutation(() => UserPayload, {
    description:
      "Changes a user's name, e-mail address, or both. A missing argument changes nothing.",
  })
  @Directive(FRESH_ADMIN_ONLY)
  async updateUser(
    @Arg("id", () => ID) id: string,
    @Arg("username", () => String, { nullable: true }) username: string | null | undefined,
    @Arg("email", () => String, { nullable: true, description: "Null removes the address." })
    email: string | null | undefined,
    @Ctx() context: AuthContext,
  ): Promise<UserPayload> {
    const changes = { username, email };
    return { user: toUserType(await this.#service.updateUser(context, id, changes)) };
  }

  @Mutation(() => UserPayload, {
    description: "Sets a user's role. The last active administrator keeps the role.",
  })
  @Directive(FRESH_ADMIN_ONLY)
  async setRole(
    @Arg("id", () => ID) id: string,
    @Arg("role", () => RoleEnum) role: Role,
    @Ctx() context: AuthContext,
  ): Promise<UserPayload> {
    return { user: toUserType(await this.#service.setRole(context, id, role)) };
  }

  @Mutation(() => UserPayload, {
    description:
      "Activates or deactivates a user. A deactivation ends the user's sessions, and a later activation does not bring them back.",
  })
  @Directive(FRESH_ADMIN_ONLY)
  async setActive(
    @Arg("id", () => ID) id: string,
    @Arg("isActive", () => Boolean) isActive: boolean,
    @Ctx() context: AuthContext,
  ): Promise<UserPayload> {
    return { user: toUserType(await this.#service.setActive(context, id, isActive)) };
  }

  @Mutation(() => UserPayload, {
    description: "Unlocks an account that too many wrong passwords have locked.",
  })
  @Directive(FRESH_ADMIN_ONLY)
  async unlockUser(
    @Arg("id", () => ID) id: string,
    @Ctx() context: AuthContext,
  ): Promise<UserPayload> {
    return { user: toUserType(await this.#service.unlock(context, id)) };
  }

  @Mutation(() => LogoutPayload, { description: "Ends all sessions of a user." })
  @Directive(FRESH_ADMIN_ONLY)
  async endSessions(
    @Arg("userId", () => ID) userId: string,
    @Ctx() context: AuthContext,
  ): Promise<LogoutPayload> {
    return toSessionsEnded(await this.#service.endSessions(context, userId));
  }

  @Mutation(() => DeletePayload, {
    description: "Deletes a user with all sessions and tokens.",
  })
  @Directive(FRESH_ADMIN_ONLY)
  async deleteUser(
    @Arg("id", () => ID) id: string,
    @Ctx() context: AuthContext,
  ): Promise<DeletePayload> {
    await this.#service.deleteUser(context, id);
    return { message: "User deleted" };
  }
}
