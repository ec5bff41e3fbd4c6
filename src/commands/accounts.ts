import { type Command, Option } from "commander";
import { requireNamedUser } from "../accounts/named-user.js";
import { addDatabaseCommand, addJsonOption } from "./database-command.js";
import { printJson, printLine } from "./print.js";
import type { Installation } from "./installation.js";
import { addPasswordOption, readNewPassword } from "./password.js";
import { describeUser, parseRole, roleNamed, roleNames } from "./user.js";

export function addAccountCommands(program: Command, installation: Installation): void {
  addPasswordOption(
    addDatabaseCommand(program, "create-user", {
      description: "create a user; asks for the password on a terminal",
      example: "create-user ada --email ada@example.com",
    }),
  )
    .argument("<username>")
    .option("--email <address>", "the e-mail address to log in with")
    .addOption(roleOption(installation))
    .action((username: string, { email, role: given }: { email?: string; role?: string }) =>
      installation.open(async ({ accounts }, _core, { roles }) => {
        const password = await readNewPassword();
        const role = given === undefined ? roles.lowest : roleNamed(given, roles);
        await accounts.createUser({ username, email, password, role });
        printLine(`Created the ${role.toLowerCase()} ${username}.`);
      }),
    );

  addPasswordOption(
    addDatabaseCommand(program, "set-password", {
      description: "give a user a new password, which ends all sessions and unlocks the account",
      example: "set-password ada --password-stdin < password.txt",
    }),
  )
    .argument("<username>")
    .action((username: string) =>
      installation.openExisting(async ({ accounts }) => {
        const user = await requireNamedUser(accounts, username);
        await accounts.setPassword(user, await readNewPassword());
        printLine(`Set the password of ${username}.`);
      }),
    );

  addDatabaseCommand(program, "create-token", {
    description: "create a static token for a user, and print it once",
    example: 'create-token ada --label "nightly backup"',
  })
    .argument("<username>")
    .option("--label <label>", "its name in the list of sessions")
    .action((username: string, { label = null }: { label?: string | null }) =>
      installation.openExisting(async ({ accounts, authentication }) => {
        const user = await requireNamedUser(accounts, username);
        console.log((await authentication.createStaticToken(user, label)).token);
      }),
    );

  for (const isActive of [false, true]) {
    const name = isActive ? "activate" : "deactivate";
    addJsonOption(
      addDatabaseCommand(program, name, {
        description: isActive
          ? "let a user log in again; sessions that have ended stay ended"
          : "end all sessions of a user, and refuse logins until the user is activated",
        example: `${name} ada`,
      }),
    )
      .argument("<username>")
      .action((username: string, { json }: { json?: true }) =>
        installation.openExisting(async ({ accounts }) => {
          const user = await requireNamedUser(accounts, username);
          await accounts.setActive(user, isActive);
          if (json) printJson(describeUser({ ...user, isActive }));
          else printLine(`${isActive ? "Activated" : "Deactivated"} ${username}.`);
        }),
      );
  }

  addDatabaseCommand(program, "unlock", {
    description: "let a user log in again after too many wrong passwords",
    example: "unlock ada",
  })
    .argument("<username>")
    .action((username: string) =>
      installation.openExisting(async ({ accounts }) => {
        await accounts.unlock(await requireNamedUser(accounts, username));
        printLine(`Unlocked ${username}.`);
      }),
    );
}

function roleOption(installation: Installation): Option {
  const option = new Option("--role <role>", "the user's role, in upper or lower case");
  const names = roleNames(installation);
  return names === null
    ? option
    : option.choices(names).default(names[0]).argParser(parseRole(names));
}
