import { createInterface } from "node:readline/promises";
import { Argument, type Command, Option } from "commander";
import type { Accounts } from "../accounts/accounts.js";
import { requireNamedUser } from "../accounts/named-user.js";
import type { User } from "../accounts/user.js";
import type { UserCursor, UserQuery } from "../accounts/user-query.js";
import { asSeenByUser, type Principal } from "../sessions/principal.js";
import { addDatabaseCommand, addJsonOption } from "./database-command.js";
import { printJson, printLine, toPrintable } from "./print.js";
import type { Installation } from "./installation.js";
import { findSessions } from "./sessions.js";
import { describeUser, parseRole, roleNamed, roleNames, toIso } from "./user.js";

const PAGE_SIZE = 100;

interface Json {
  readonly json?: true;
}

interface Filter extends Json {
  readonly role?: string;
  readonly inactive?: true;
  readonly search?: string;
}

export function addUserCommands(program: Command, installation: Installation): void {
  const names = roleNames(installation);
  const role = new Option("--role <role>", "only users with this role");
  if (names !== null) role.choices(names).argParser(parseRole(names));
  addJsonOption(
    addDatabaseCommand(program, "list-users", {
      description: "list the users by name, one in each line",
      example: "list-users --role admin --search example.com",
    }),
  )
    .addOption(role)
    .option("--inactive", "only users who are deactivated")
    .option("--search <text>", "only users with this text in the user name or the e-mail address")
    .action(({ json, role: given, inactive, search }: Filter) =>
      installation.openExisting(async ({ accounts }, _core, { roles }) => {
        const query: UserQuery = {
          roles: given === undefined ? null : [roleNamed(given, roles)],
          isActive: inactive ? false : null,
          search,
          orderBy: { field: "username", direction: "ASC" },
        };
        if (json) await printArray(findUsers(accounts, query));
        else for await (const user of findUsers(accounts, query)) printLine(renderUser(user));
      }),
    );

  addJsonOption(
    addDatabaseCommand(program, "show-user", {
      description: "show a user",
      example: "show-user ada@example.com",
    }),
  )
    .argument("<username>")
    .action((username: string, { json }: Json) =>
      installation.openExisting(async ({ accounts }) => {
        const user = describeUser(await requireNamedUser(accounts, username));
        if (json) printJson(user);
        else for (const [name, value] of Object.entries(user)) printLine(`${name}: ${value}`);
      }),
    );

  const newRole = new Argument("<role>", "in upper or lower case");
  if (names !== null) newRole.choices(names).argParser(parseRole(names));
  addJsonOption(
    addDatabaseCommand(program, "set-role", {
      description: "give a user another role",
      example: "set-role ada admin",
    }),
  )
    .argument("<username>")
    .addArgument(newRole)
    .action((username: string, given: string, { json }: Json) =>
      installation.openExisting(async ({ accounts }, _core, { roles }) => {
        const user = await requireNamedUser(accounts, username);
        const role = roleNamed(given, roles);
        await accounts.setRole(user, role);
        if (json) printJson(describeUser({ ...user, role }));
        else printLine(`${username} is now ${role.toLowerCase()}.`);
      }),
    );

  const deletion = addJsonOption(
    addDatabaseCommand(program, "delete-user", {
      description: "delete a user with all sessions and tokens; asks on a terminal",
      example: "delete-user ada --yes",
    }),
  )
    .argument("<username>")
    .option("--yes", "do not ask")
    .hook("preAction", () => {
      if (process.stdin.isTTY || deletion.opts()["yes"] === true) return;
      deletion.error("There is no terminal to ask on. Pass --yes.");
    })
    .action((username: string, { json, yes }: Json & { yes?: true }) =>
      installation.openExisting(async ({ accounts }) => {
        const user = await requireNamedUser(accounts, username);
        if (!yes) await confirm(`Delete ${nameOf(user)} with all sessions and tokens?`);
        await accounts.deleteUser(user);
        if (json) printJson(describeUser(user));
        else printLine(`Deleted ${username}.`);
      }),
    );

  addJsonOption(
    addDatabaseCommand(program, "export-user", {
      description: "print a user's own data as JSON: the account, the sessions, and the events",
      example: "export-user ada > ada.json",
    }),
  )
    .argument("<username>")
    .action((username: string) =>
      installation.openExisting(async ({ accounts }, { sessions }, _config, { exportUser }) => {
        const { role, ...user } = describeUser(await requireNamedUser(accounts, username));
        const found = await findSessions(sessions, { userIds: [user.id] });
        printJson({
          user,
          profile: { role },
          sessions: found.map(describeSession),
          features: await exportUser(user.id),
        });
      }),
    );
}

/** Yields the users that match the query, and reads them page by page. Stops early if standard output was closed. */
async function* findUsers(accounts: Accounts, query: UserQuery): AsyncGenerator<User> {
  let after: UserCursor | null = null;
  do {
    const page = await accounts.users(query, PAGE_SIZE, after);
    yield* page.users;
    after = page.hasNextPage ? (page.cursors.at(-1) ?? null) : null;
  } while (after !== null && process.stdout.writable);
}

/** Prints a JSON array with one user on each line. */
async function printArray(users: AsyncIterable<User>): Promise<void> {
  console.log("[");
  let previous: string | undefined;
  for await (const user of users) {
    if (previous !== undefined) printLine(`${previous},`);
    previous = `  ${JSON.stringify(describeUser(user))}`;
  }
  if (previous !== undefined) printLine(previous);
  console.log("]");
}

function renderUser(user: User): string {
  const { id, isActive, lastLoginAt } = user;
  const login = lastLoginAt === null ? "never logged in" : `last login ${toIso(lastLoginAt)}`;
  return [id, nameOf(user), ...(isActive ? [] : ["inactive"]), login].join("  ");
}

function nameOf({ username, email, role }: User): string {
  return [username, ...(email === null ? [] : [email]), role].join("  ");
}

function describeSession({ session }: Principal) {
  const { impersonatorId, createdAt, authenticatedAt, lastUsedAt, expiresAt, ...rest } =
    asSeenByUser(session);
  return {
    ...rest,
    isImpersonated: impersonatorId !== null,
    createdAt: toIso(createdAt),
    authenticatedAt: toIso(authenticatedAt),
    lastUsedAt: toIso(lastUsedAt),
    expiresAt: toIso(expiresAt),
  };
}

/**
 * Asks the question on the terminal.
 * @throws Error when the answer is not yes
 */
async function confirm(question: string): Promise<void> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const cancelled = new AbortController();
  // Ctrl-C and Ctrl-D close the interface, which cancels the question.
  terminal.once("close", () => {
    cancelled.abort();
  });
  const asked = terminal.question(`${toPrintable(question)} [y/N] `, { signal: cancelled.signal });
  const answer = await asked.catch(() => "");
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new Error("Nothing was changed.");
}
