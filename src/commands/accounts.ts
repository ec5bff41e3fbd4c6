import { type Command, InvalidArgumentError, Option } from "commander";
import type { Accounts } from "../accounts/accounts.js";
import type { User } from "../accounts/user.js";
import { NoSuchUser } from "../errors.js";
import { addDatabaseCommand } from "./database-command.js";
import type { Installation } from "./installation.js";
import { addPasswordOption, readNewPassword } from "./password.js";

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
        const role = roles.names.find((name) => isSameRole(name, given)) ?? roles.lowest;
        await accounts.createUser({ username, email, password, role });
        console.log(`Created the ${role.toLowerCase()} ${username}.`);
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
        const user = await requireUser(accounts, username);
        await accounts.setPassword(user, await readNewPassword());
        console.log(`Set the password of ${username}.`);
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
        const user = await requireUser(accounts, username);
        console.log((await authentication.createStaticToken(user, label)).token);
      }),
    );

  for (const isActive of [false, true]) {
    const name = isActive ? "activate" : "deactivate";
    addDatabaseCommand(program, name, {
      description: isActive
        ? "let a user log in again; sessions that have ended stay ended"
        : "end all sessions of a user, and refuse logins until the user is activated",
      example: `${name} ada`,
    })
      .argument("<username>")
      .action((username: string) =>
        installation.openExisting(async ({ accounts }) => {
          await accounts.setActive(await requireUser(accounts, username), isActive);
          console.log(`${isActive ? "Activated" : "Deactivated"} ${username}.`);
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
        await accounts.unlock(await requireUser(accounts, username));
        console.log(`Unlocked ${username}.`);
      }),
    );
}

/**
 * Returns the option `--role`, which accepts only known roles. If the settings are wrong, the roles are unknown. Then
 * the option accepts any text, and the command reports the wrong settings.
 */
function roleOption(installation: Installation): Option {
  const roles = installation.findRoles();
  const option = new Option("--role <role>", "the user's role, in upper or lower case");
  if (roles === null) return option;
  const names = roles.names.map((name) => name.toLowerCase());
  return option
    .choices(names)
    .default(names[0])
    .argParser((given) => {
      if (names.some((name) => isSameRole(name, given))) return given;
      throw new InvalidArgumentError(`Allowed choices are ${names.join(", ")}.`);
    });
}

function isSameRole(name: string, given: string | undefined): boolean {
  return name.toLowerCase() === given?.toLowerCase();
}

/** @throws {@link NoSuchUser} */
export async function requireUser(accounts: Accounts, username: string): Promise<User> {
  const user = await accounts.findUser({ username });
  if (user === null) throw new NoSuchUser();
  return user;
}
