import { requireNamedUser } from "../../accounts/named-user.js";
import { BadUserInput } from "../../errors.js";
import { NO_CLIENT } from "../../events.js";
import type { CoreServices } from "../feature.js";
import type { SecondFactors } from "./factor.js";

/**
 * Removes the second factors of the user with this user name or e-mail address.
 * @returns a line that says what happened
 * @throws the errors of {@link requireNamedUser}
 * @throws {@link BadUserInput} when the user has no second factor that can be removed
 */
export async function removeByName(
  { accounts }: Pick<CoreServices, "accounts">,
  factors: Pick<SecondFactors, "removeAll">,
  name: string,
): Promise<string> {
  const { id, username } = await requireNamedUser(accounts, name);
  const isRemoved = await factors.removeAll(id, NO_CLIENT);
  if (!isRemoved) throw new BadUserInput("The user has no second factor that can be removed.");
  return `${username} can log in without a second factor now.`;
}
