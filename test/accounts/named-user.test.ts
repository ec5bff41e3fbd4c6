import { beforeAll, expect, test } from "@jest/globals";
import type { Accounts } from "../../src/accounts/accounts.js";
import { requireNamedUser } from "../../src/accounts/named-user.js";
import { BadUserInput, NoSuchUser } from "../../src/index.js";
import { describeGates } from "../support/gate.js";

describeGates((gate) => {
  let ada: string;

  beforeAll(async () => {
    ada = await gate.user("Ada", { email: "ada@example.com" });
  });

  const find = async (name: string) => (await requireNamedUser(gate.auth.accounts, name)).id;

  test("the user with this user name or e-mail address is found, in any case", async () => {
    for (const name of ["Ada", "ADA", "ada@example.com", "ADA@example.com"]) {
      expect([name, await find(name)]).toEqual([name, ada]);
    }
  });

  test("a user whose user name looks like an address is found by it", async () => {
    const id = await gate.user("eve@example.com");
    expect(await find("EVE@example.com")).toBe(id);
  });

  test("a user whose user name is also the user's own address is found by it", async () => {
    const id = await gate.user("bob@example.com", { email: "bob@example.com" });
    expect(await find("bob@example.com")).toBe(id);
  });

  test("a text that is the name of one user and the address of another is refused, and the message says how to name each", async () => {
    await gate.user("ada@example.com");
    const refused = find("ada@example.com");
    await expect(refused).rejects.toThrow(BadUserInput);
    await expect(refused).rejects.not.toThrow(NoSuchUser);
    await expect(refused).rejects.toThrow(
      "This is the user name of one user and the e-mail address of another. Use the e-mail address of the first user, or the user name of the second.",
    );
    expect(await find("ada")).toBe(ada);
  });

  test.each(["nobody", "nobody@example.com"])("nobody is named %s", async (name) => {
    await expect(find(name)).rejects.toThrow(NoSuchUser);
  });
});

test("a name without an @ is not looked up as an address", async () => {
  const asked: unknown[] = [];
  const findUser: Accounts["findUser"] = (login) => {
    asked.push(login);
    return Promise.resolve(null);
  };
  await expect(requireNamedUser({ findUser }, "ada")).rejects.toThrow(NoSuchUser);
  expect(asked).toEqual([{ username: "ada" }]);
});
