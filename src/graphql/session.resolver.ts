import { Arg, Ctx, Directive, ID, Int, Mutation, Query, Resolver } from "type-graphql";
import { BadUserInput } from "../errors.js";
import type { AuthContext } from "../authentication/context.js";
import { SessionFilter, toSessionQuery } from "./session-filter.type.js";
import type { SessionCursor } from "../sessions/session-list.js";
import type { SessionService } from "../sessions/session.service.js";
import {
  LogoutPayload,
  SessionConnection,
  SessionType,
  toSessionType,
  toUserType,
} from "./session.type.js";

const PAGE_SIZE = 20;

/** Every field here is guarded, so that there is a user; each asks the database for it, whatever `bearerCheck` says. */
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
    return sessions.map((session) => toSessionType(session, user.session.id));
  }

  @Query(() => SessionConnection, { description: "The sessions of all users, newest first." })
  @Directive("@auth(requires: ADMIN)")
  async allSessions(
    @Arg("where", () => SessionFilter, { nullable: true, description: "Default: those that live." })
    where: SessionFilter | null | undefined,
    @Arg("first", () => Int, {
      nullable: true,
      defaultValue: PAGE_SIZE,
      description: "From 1 to 100.",
    })
    first: number | null,
    @Arg("after", () => String, { nullable: true, description: "The cursor to go on from." })
    after: string | null | undefined,
    @Ctx() context: AuthContext,
  ): Promise<SessionConnection> {
    const { session: current } = await context.loadUser();
    const start = after == null ? null : parseCursor(after);
    const page = await this.#sessions.page(toSessionQuery(where), first ?? PAGE_SIZE, start);
    const edges = page.principals.map((owner) => ({
      cursor: formatCursor(owner.session),
      node: toSessionType(owner.session, current.id),
      user: toUserType(owner),
    }));
    return {
      edges,
      pageInfo: {
        hasNextPage: page.hasNextPage,
        hasPreviousPage: start !== null,
        startCursor: edges[0]?.cursor ?? null,
        endCursor: edges.at(-1)?.cursor ?? null,
      },
    };
  }

  @Mutation(() => LogoutPayload, { description: "Ends all of the caller's sessions." })
  @Directive("@auth")
  async logoutAll(@Ctx() context: AuthContext): Promise<LogoutPayload> {
    const user = await context.loadUser();
    return toLogoutPayload(await this.#sessions.endAll(user.id, null, context.client));
  }

  @Mutation(() => LogoutPayload, { description: "Ends the caller's sessions but the present one." })
  @Directive("@auth")
  async logoutOthers(@Ctx() context: AuthContext): Promise<LogoutPayload> {
    const user = await context.loadUser();
    return toLogoutPayload(await this.#sessions.endAll(user.id, user.session.id, context.client));
  }

  @Mutation(() => LogoutPayload, {
    description: "Ends one of the caller's sessions; an ADMIN may end anybody's.",
  })
  @Directive("@auth")
  async revokeSession(
    @Arg("id", () => ID) id: string,
    @Ctx() context: AuthContext,
  ): Promise<LogoutPayload> {
    const user = await context.loadUser();
    const owner = user.role === "ADMIN" ? null : user.id;
    if (!(await this.#sessions.end(id, owner, "logout", context.client))) {
      throw new BadUserInput("There is no such session, or it is over already.");
    }
    return toLogoutPayload(1);
  }
}

function toLogoutPayload(sessionsEnded: number): LogoutPayload {
  const sessions = sessionsEnded === 1 ? "session" : "sessions";
  return { message: `Logout successful, ${sessionsEnded} ${sessions} ended`, sessionsEnded };
}

function formatCursor({ createdAt, id }: SessionCursor): string {
  return Buffer.from(`${createdAt}.${id}`).toString("base64url");
}

function parseCursor(cursor: string): SessionCursor {
  const text = Buffer.from(cursor.slice(0, 100), "base64url").toString("latin1");
  const [, createdAt, id] = /^(\d{1,15})\.([0-9a-f]{32})$/.exec(text) ?? [];
  if (createdAt === undefined || id === undefined) {
    throw new BadUserInput("after must be a cursor of this list.");
  }
  return { createdAt: Number(createdAt), id };
}
