import DataLoader from "dataloader";
import { Arg, Ctx, Directive, FieldResolver, Int, Query, Resolver, Root } from "type-graphql";
import type { AccountService } from "../../accounts/account.service.js";
import type { User } from "../../accounts/user.js";
import type { AuthContext } from "../../authentication/context.js";
import { parseCursor } from "../../graphql/cursor.js";
import { AFTER, FIRST, requirePageSize } from "../../graphql/page-arguments.js";
import { toUserType, UserType } from "../../graphql/user.type.js";
import { AuditEventFilter, toAuditQuery } from "./audit-event-filter.type.js";
import {
  AuditEventConnection,
  AuditEventType,
  toAuditEventConnection,
} from "./audit-event.type.js";
import type { AuditList } from "./audit-list.js";

@Resolver(() => AuditEventType)
export class AuditResolver {
  readonly #list: AuditList;
  readonly #accounts: AccountService;

  constructor(list: AuditList, accounts: AccountService) {
    this.#list = list;
    this.#accounts = accounts;
  }

  @Query(() => AuditEventConnection, {
    description:
      "The events that the caller caused, or that are about the caller, newest first. Administrators see the events of all users.",
  })
  @Directive("@auth")
  async auditEvents(
    @Arg("where", () => AuditEventFilter, { nullable: true })
    where: AuditEventFilter | null | undefined,
    @Arg("first", () => Int, FIRST)
    first: number | null,
    @Arg("after", () => String, AFTER)
    after: string | null | undefined,
    @Ctx() context: AuthContext,
  ): Promise<AuditEventConnection> {
    const caller = await context.loadUser();
    const start = parseCursor(after);
    const page = await this.#list.page(
      toAuditQuery(where),
      caller.isAdmin ? null : caller.id,
      requirePageSize(first),
      start?.id ?? null,
    );
    return toAuditEventConnection(page, caller, this.#createLoader(), start !== null);
  }

  @FieldResolver(() => UserType, {
    nullable: true,
    description:
      "The user who caused the event. Null if nobody was signed in, or if the user is deleted, or if the caller may not see the user.",
  })
  async actor(@Root() { actorId, users }: AuditEventType): Promise<UserType | null> {
    return load(users, actorId);
  }

  @FieldResolver(() => UserType, {
    nullable: true,
    description:
      "The user that the event is about. Null if there is none, or if the user is deleted, or if the caller may not see the user.",
  })
  async user(@Root() { subjectId, users }: AuditEventType): Promise<UserType | null> {
    return load(users, subjectId);
  }

  @FieldResolver(() => UserType, {
    nullable: true,
    description:
      "The administrator who used the actor's account. Only administrators see this field.",
  })
  async impersonator(@Root() { impersonatorId, users }: AuditEventType): Promise<UserType | null> {
    return load(users, impersonatorId);
  }

  /** Returns a loader for one page. The loader reads all users of the page with one statement. */
  #createLoader(): DataLoader<string, User | null> {
    return new DataLoader(async (ids) => {
      const users = new Map((await this.#accounts.findByIds(ids)).map((user) => [user.id, user]));
      return ids.map((id) => users.get(id) ?? null);
    });
  }
}

async function load(
  users: DataLoader<string, User | null>,
  id: string | null,
): Promise<UserType | null> {
  const user = id === null ? null : await users.load(id);
  return user && toUserType(user);
}
