import { type Command, InvalidArgumentError, Option } from "commander";
import { z } from "zod";
import { requireNamedUser } from "../accounts/named-user.js";
import { BadUserInput } from "../errors.js";
import type { Principal } from "../sessions/principal.js";
import type { SessionQuery } from "../sessions/session-list.js";
import type { SessionService } from "../sessions/session.service.js";
import { addDatabaseCommand, addJsonOption } from "./database-command.js";
import { printJson, printLine } from "./print.js";
import type { Installation } from "./installation.js";
import { toIso } from "./user.js";

const PAGE_SIZE = 1000;

/**
 * Accepts a date such as `2026-11-25`, which means midnight UTC, or a time with an offset such as
 * `2026-11-25T18:00:00+01:00`.
 * @see RFC 3339
 */
const INSTANT = z.union([z.iso.date(), z.iso.datetime({ offset: true })]);

interface Ending {
  readonly all?: boolean;
  readonly user?: string;
  readonly createdBefore?: number;
}

/**
 * Adds the commands `list-tokens`, `revoke-token` and `end-sessions`. All three work on sessions, because each static
 * token has a session.
 */
export function addSessionCommands(program: Command, installation: Installation): void {
  addJsonOption(
    addDatabaseCommand(program, "list-tokens", {
      description: "list the static tokens that work, newest first; their keys are not stored",
      example: "list-tokens ada --json",
    }),
  )
    .argument("[username]", "the user whose tokens are listed; all users by default")
    .action((username: string | undefined, { json = false }: { json?: boolean }) =>
      installation.openExisting(async ({ accounts }, { sessions }) => {
        const user = username === undefined ? null : await requireNamedUser(accounts, username);
        const query = { userIds: user && [user.id], scheme: "TOKEN", isLive: true } as const;
        const tokens = (await findSessions(sessions, query)).map(describeToken);
        if (json) printJson(tokens);
        else for (const line of renderTokens(tokens)) printLine(line);
      }),
    );

  addJsonOption(
    addDatabaseCommand(program, "revoke-token", {
      description: "revoke a static token",
      example: "revoke-token 0198c0de-…",
    }),
  )
    .argument("<id>", "the token's id, as list-tokens shows it")
    .action((id: string, { json = false }: { json?: boolean }) =>
      installation.openExisting(async (_auth, { sessions }) => {
        const isToken = (await sessions.find(id))?.scheme === "TOKEN";
        if (!isToken || !(await sessions.end(id, null, "revoked"))) {
          throw new BadUserInput(
            "There is no working token with this id. See: gatehouse list-tokens",
          );
        }
        if (json) printJson({ id });
        else console.log(`Revoked the token ${id}.`);
      }),
    );

  addDatabaseCommand(program, "end-sessions", {
    description:
      "end sessions of every kind, including static tokens: use it after restoring a backup",
    example: "end-sessions --created-before 2026-11-26T08:30:00Z",
  })
    .addOption(new Option("--all", "all sessions").conflicts(["user", "createdBefore"]))
    .option("--user <username>", "the sessions of one user")
    .option(
      "--created-before <time>",
      "the sessions that began before a time: 2026-11-26 (midnight UTC) or 2026-11-26T08:30:00Z",
      parseInstant,
    )
    .action(({ all = false, user: username, createdBefore }: Ending) => {
      if (!all && username === undefined && createdBefore === undefined) {
        throw new BadUserInput("Say which sessions: --all, --user or --created-before.");
      }
      return installation.openExisting(async ({ accounts }, { sessions }) => {
        const user = username === undefined ? null : await requireNamedUser(accounts, username);
        const ended = await sessions.endMatching({ userId: user?.id, createdBefore }, "revoked");
        console.log(`Ended ${ended} ${ended === 1 ? "session" : "sessions"}.`);
      });
    });
}

export async function findSessions(
  sessions: SessionService,
  query: SessionQuery,
): Promise<Principal[]> {
  const found: Principal[] = [];
  for (;;) {
    const after = found.at(-1)?.session ?? null;
    const { principals, hasNextPage } = await sessions.page(query, PAGE_SIZE, after);
    found.push(...principals);
    if (!hasNextPage) return found;
  }
}

function describeToken({ username, session }: Principal) {
  const { id, label, createdAt, lastUsedAt, expiresAt } = session;
  const [created, lastUsed, expires] = [createdAt, lastUsedAt, expiresAt].map(toIso);
  return { id, username, label, createdAt: created, lastUsedAt: lastUsed, expiresAt: expires };
}

function renderTokens(tokens: readonly ReturnType<typeof describeToken>[]): string[] {
  if (tokens.length === 0) return ["There are no static tokens."];
  return tokens.flatMap(({ id, username, label, createdAt, lastUsedAt, expiresAt }) => [
    `${id}  ${username}${label === null ? "" : `  "${label}"`}`,
    `  created ${createdAt}, last used ${lastUsedAt ?? "never"}, expires ${expiresAt ?? "never"}`,
  ]);
}

function parseInstant(text: string): number {
  if (!INSTANT.safeParse(text).success) {
    throw new InvalidArgumentError(
      "It must be a date, or a time that ends in Z or an offset such as +02:00.",
    );
  }
  return Date.parse(text);
}
