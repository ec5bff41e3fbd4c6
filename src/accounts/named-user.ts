import { BadUserInput } from "../errors.js";
import type { Accounts } from "./accounts.js";
import { NoSuchUser } from "./errors.js";
import type { User } from "./user.js";

/**
 * Returns the user with this user name or e-mail address.
 * @throws {@link NoSuchUser}
 * @throws {@link BadUserInput} when the text is the name of one user and the address of another. Otherwise a stranger
 * could choose the user name `ann@example.com`, and be mistaken for the user with that address
 */
export async function requireNamedUser(
  accounts: Pick<Accounts, "findUser">,
  name: string,
): Promise<User> {
  const byName = await accounts.findUser({ username: name });
  const byEmail = name.includes("@") ? await accounts.findUser({ email: name }) : null;
  if (byName !== null && byEmail !== null && byName.id !== byEmail.id) {
    throw new BadUserInput(
      "This is the user name of one user and the e-mail address of another. Use the e-mail address of the first user, or the user name of the second.",
    );
  }
  const user = byName ?? byEmail;
  if (user === null) throw new NoSuchUser();
  return user;
}
