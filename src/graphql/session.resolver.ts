import { Arg, Ctx, Directive, Extensions, ID, Int, Mutation, Query, Resolver } from "type-graphql";
import type { AuthContext } from "../authentication/context.js";
import { BadUserInput } from "../errors.js";
import { ADMIN_FRESHNESS, ADMIN_ONLY } from "../permissions/directives.js";
import { OPEN_TO_ENROLMENT } from "../permissions/enrolment-fields.js";
import { requireFresh } from "../permissions/guards.js";
import { requireOwnSession } from "../sessions/own-session.js";
import { asSeenByUser } from "../sessions/principal.js";
import type { SessionService } from "../sessions/session.service.js";
import { parseCursor } from "./cursor.js";
import { LogoutPayload, toSessionsEnded } from "./logout-payload.type.js";
import { AFTER, FIRST, requirePageSize } from "./page-arguments.js";
import { SessionConnection, toSessionConnection } from "./session-connection.type.js";
import { SessionFilter, toSessionQuery } from "./session-filter.type.js";
import { SessionType, toSessionType } from "./session.type.js";

/**
 * Each operation calls `loadUser`, which refuses a user whose session has ended. With `bearerCheck: "stateless"`, the
 * guard `@auth` does not always check that.
 */
@Resolver(() => SessionType)
export class SessionResolver {
  readonly #sessions: SessionService;

  constructor(sessions: SessionService) {
    this.#sessions = sessions;
  }

  @Query(() => [SessionType], { description: "The caller's own live sessions, newest first." })
  @Directive("@auth")
  async sessions(@Ctx() context: AuthContext): Promise<SessionType[]> {
    const user = await context.loadUser();
    const sessions = await this.#sessions.list(user);
    return sessions.map((session) => toSessionType(asSeenByUser(session), user.session.id));
  }

  @Query(() => SessionConnection, { description: "The sessions of all users, newest first." })
  @Directive(ADMIN_ONLY)
  async allSessions(
    @Arg("where", () => SessionFilter, {
      nullable: true,
      description: "If missing, lists live sessions.",
    })
    where: SessionFilter | null | undefined,
    @Arg("first", () => Int, FIRST)
    first: number | null,
    @Arg("after", () => String, AFTER)
    after: string | null | undefined,
    @Ctx() context: AuthContext,
  ): Promise<SessionConnection> {
    const user = await context.loadUser();
    const start = parseCursor(after);
    const page = await this.#sessions.page(toSessionQuery(where), requirePageSize(first), start);
    return toSessionConnection(page, user.session.id, start !== null);
  }

  @Mutation(() => LogoutPayload, {
    description: "Ends all sessions of the caller, named tokens included.",
  })
  @Directive("@auth")
  @Extensions(OPEN_TO_ENROLMENT)
  async logoutAll(@Ctx() context: AuthContext): Promise<LogoutPayload> {
    const user = await context.loadUser();
    return toSessionsEnded(await this.#sessions.endAll(user, context.client));
  }

  @Mutation(() => LogoutPayload, {
    description:
      "Ends all sign-ins of the caller except the current one. Named tokens stay: `revokeSession` ends them.",
  })
  @Directive("@auth")
  async logoutOthers(@Ctx() context: AuthContext): Promise<LogoutPayload> {
    const user = await context.loadUser();
    return toSessionsEnded(await this.#sessions.endOtherSignIns(user, context.client));
  }

  @Mutation(() => LogoutPayload, {
    description:
      "Ends a session of the caller. An administrator may also end a session of another user, within 12 hours after giving a password. A static token of an administrator cannot do that.",
  })
  @Directive("@auth")
  async revokeSession(
    @Arg("id", () => ID) id: string,
    @Ctx() context: AuthContext,
  ): Promise<LogoutPayload> {
    const user = await context.loadUser();
    const end = (owner: string | null) => this.#sessions.end(id, owner, "logout", context.client);
    if (await end(user.id)) return toSessionsEnded(1);
    if (user.isAdmin) {
      requireOwnSession(user);
      await requireFresh(context, ADMIN_FRESHNESS);
      if (await end(null)) return toSessionsEnded(1);
    }
    throw new BadUserInput("There is no such session, or it has ended already.");
  }
}
