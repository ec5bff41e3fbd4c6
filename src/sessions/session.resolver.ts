import { Arg, Ctx, Directive, Int, Query, Resolver } from "type-graphql";
import { BadUserInput } from "../errors.js";
import type { Principal } from "./principal.js";
import type { SessionCursor, SessionService } from "./session.service.js";
import { SessionConnection, SessionType, toSessionType } from "./session.type.js";

const PAGE_SIZE = 20;

@Resolver(() => SessionType)
export class SessionResolver {
  readonly #sessions: SessionService;

  constructor(sessions: SessionService) {
    this.#sessions = sessions;
  }

  @Query(() => SessionConnection, { description: "The live sessions of all users, newest first." })
  @Directive("@auth(requires: ADMIN)")
  async allSessions(
    @Arg("first", () => Int, {
      nullable: true,
      defaultValue: PAGE_SIZE,
      description: "From 1 to 100.",
    })
    first: number | null,
    @Arg("after", () => String, { nullable: true }) after: string | null | undefined,
    @Ctx("user") user: Principal | null,
  ): Promise<SessionConnection> {
    const page = await this.#sessions.list(
      first ?? PAGE_SIZE,
      after == null ? null : parseCursor(after),
    );
    const edges = page.sessions.map((session) => ({
      cursor: formatCursor(session),
      node: toSessionType(session, user?.session.id),
    }));
    return {
      edges,
      pageInfo: {
        hasNextPage: page.hasNextPage,
        hasPreviousPage: false,
        startCursor: edges[0]?.cursor ?? null,
        endCursor: edges.at(-1)?.cursor ?? null,
      },
    };
  }
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
