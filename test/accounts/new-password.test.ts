import { beforeAll, describe, expect, test } from "@jest/globals";
import { dictionary } from "@zxcvbn-ts/language-common";
import { requireNewPassword } from "../../src/accounts/new-password.js";
import type { PasswordTooWeak } from "../../src/index.js";
import { ROOT, runCommand } from "../support/command.js";
import { type Gate, setUpGate } from "../support/gate.js";

const SECRET_KEY = "an example of a secret that is long enough";
const MESSAGE = "password is too easy to guess. Several unrelated words make a good one.";
const REFUSED = { code: "BAD_USER_INPUT", message: MESSAGE };

const OWNER = { username: "ada.lovelace", email: "countess@example.com" };

/** Each password has at least 15 characters, so that it is not refused for its length. */
const WEAK: Readonly<Record<string, readonly string[]>> = {
  "common ones": [
    "passwordpassword",
    "PasswordPassword1",
    "P@ssw0rdP@ssw0rd",
    "password12345678",
    "iloveyouiloveyou",
    "letmeinletmein1",
    "monkeymonkeymonkey",
    "administrator123",
    "123456789987654321",
  ],
  "sequences and repetitions": [
    "123456789012345",
    "abcdefghijklmno",
    "aaaaaaaaaaaaaaa",
    "                    ",
    "🔑".repeat(15),
  ],
  "walks over a keyboard": [
    "qwertyuiopasdfg",
    "1qaz2wsx3edc4rfv",
    "qazwsxedcrfvtgb",
    "zxcvbnmasdfghjkl",
    "asdfghjklasdfghjkl",
  ],
  "the user name": [
    "ada.lovelaceada.lovelace",
    "ADA.LOVELACE1234",
    "ada.lovelace.1815",
    "ecalevol.adaecalevol.ada",
  ],
  "the e-mail address": [
    "countesscountess",
    "COUNTESScountess1",
    "countess@example.com",
    "Countess2026!!!",
  ],
  "words of this product": [
    "gatehousegatehouse",
    "GatehouseGatehouse1",
    "graphqlgraphql12",
    "Gatehouse-GraphQL",
    "Gatehouse2026!!",
  ],
};
const CASES = Object.entries(WEAK).flatMap(([kind, passwords]) =>
  passwords.map((password) => [kind, password] as const),
);

const gate = setUpGate({ secretKey: SECRET_KEY });
let short: Gate;
let id: string;

beforeAll(async () => {
  short = await gate.another({ passwordMinLength: 8 });
  id = await gate.user(OWNER.username, { email: OWNER.email });
});

describe("a new password that is easy to guess", () => {
  test.each(CASES)("PW-5: for %s is refused by setPassword: '%s'", async (_kind, password) => {
    await expect(gate.auth.accounts.setPassword(id, password)).rejects.toMatchObject(REFUSED);
  });

  test("PW-5: is refused by createUser for the name and address of the new user, and no user is created", async () => {
    const owner = { username: "grace.hopper", email: "admiral@example.com" };
    const weak = ["grace.hoppergrace.hopper", "admiraladmiral1", "admiral@example.com"];
    for (const password of [...weak, "passwordpassword"]) {
      await expect(gate.auth.accounts.createUser({ ...owner, password })).rejects.toMatchObject(
        REFUSED,
      );
    }
    expect(await gate.auth.accounts.findUser({ username: owner.username })).toBeNull();
  });

  test("PW-5: is refused by `gatehouse create-user` in one line that does not repeat it", async () => {
    const password = "hunter2hunter2hunter2";
    const { code, stdout, stderr } = await runCommand(
      ["create-user", "grace", "--password-stdin"],
      {
        cwd: ROOT,
        env: { SECRET_KEY, DATABASE_URL: gate.databaseUrl },
        input: password,
      },
    );
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(MESSAGE);
    expect(stderr.trimEnd()).not.toContain("\n");
    expect(stderr).not.toContain("hunter2");
  });

  test.each([
    "password1",
    "iloveyou",
    "qwerty123",
    "letmein1",
    "12345678",
    "P@ssw0rd",
    "1qaz2wsx",
    "gatehouse1",
    "lovelace1",
    "ada.lovelace",
    "countess1",
  ])("PW-5: is also refused where 8 characters are enough: '%s'", async (password) => {
    await expect(short.auth.accounts.setPassword(id, password)).rejects.toMatchObject(REFUSED);
  });

  test("PW-5: of the 3,000 most common passwords every tenth is refused, and so is each common one with 15 characters", async () => {
    const common = dictionary["passwords-common"].map(String);
    const often = common.filter(({ length }) => length >= 8).slice(0, 3000);
    const long = common.filter(({ length }) => length >= 15);
    expect([often.length, long.length > 30]).toEqual([3000, true]);
    for (const password of [...often.filter((_, index) => index % 10 === 0), ...long]) {
      await expect(short.auth.accounts.setPassword(id, password)).rejects.toMatchObject(REFUSED);
    }
  });
});

describe("the refusal of a new password", () => {
  test.each<[string, string, string[]]>([
    ["short", "xK9#mQ2$vL7@p", ["too_short"]],
    ["short and easy to guess", "password1", ["too_short", "too_common"]],
    ["short and the user name", "ada.lovelace", ["too_short", "contains_username"]],
    ["long", "x9Q ".repeat(65), ["too_long"]],
    ["long, with emoji", "🔑7a".repeat(85) + "🔑".repeat(2), ["too_long"]],
    ["common", "passwordpassword", ["too_common"]],
    ["the user name", "ADA.LOVELACE1234", ["contains_username"]],
    ["a part of the address", "Countess2026!!!", ["contains_email"]],
    ["the address", "countess@example.com", ["contains_email"]],
    ["name and address", "ada.lovelace-countess", ["contains_username", "contains_email"]],
  ])("lists the problems of a password that is %s: '%s'", async (_what, password, problems) => {
    const refusal = { code: "BAD_USER_INPUT", reason: "password_too_weak", problems };
    for (const run of [
      () => gate.auth.accounts.setPassword(id, password),
      () =>
        gate.auth.accounts.createUser({
          username: "ada.lovelace2",
          email: "countess@example.org",
          password: password.replace("example.com", "example.org").replace(/ada.lovelace/i, "$&2"),
        }),
    ]) {
      const error = await run().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ ...refusal, extensions: refusal });
    }
  });

  test("names only problems that the policy lists, and enforces the lengths of the policy", async () => {
    const { passwordPolicy } = gate.auth.accounts;
    expect(passwordPolicy).toEqual({
      minLength: 15,
      maxLength: 256,
      problems: ["too_short", "too_long", "too_common", "contains_username", "contains_email"],
    });
    expect(short.auth.accounts.passwordPolicy.minLength).toBe(8);
    const hard = "xK9#mQ2$vL7@pR4 ".repeat(16);
    await gate.auth.accounts.setPassword(id, hard.slice(0, passwordPolicy.minLength));
    await gate.auth.accounts.setPassword(id, hard.slice(0, passwordPolicy.maxLength));
    for (const length of [passwordPolicy.minLength - 1, passwordPolicy.maxLength + 1]) {
      const refused = gate.auth.accounts.setPassword(id, `${hard}x`.slice(0, length));
      await expect(refused).rejects.toMatchObject({ reason: "password_too_weak" });
    }
  });
});

describe("the words of a user that count as easy to guess", () => {
  const problemsOf = (password: string, username: string, email: string | null = null) => {
    try {
      requireNewPassword(password, { username, email }, 8);
      return [];
    } catch (error) {
      return (error as PasswordTooWeak).problems;
    }
  };

  test("have at least 3 characters, because shorter ones occur by chance", () => {
    expect(problemsOf("zed-password", "zed")).toEqual(["contains_username"]);
    expect(problemsOf("zed-password", "ze")).toEqual(["too_common"]);
    expect(problemsOf("zed-password", "eve", "ze@zed.example")).toEqual(["too_common"]);
    expect(problemsOf("zed-password", "eve", "zed@example.com")).toEqual(["contains_email"]);
  });

  test("are removed whole, even if one is a part of another", () => {
    const local = "ada-qxvzkwjp-mfhtr";
    expect(problemsOf(`${local}-7`, "ada")).toEqual([]);
    expect(problemsOf(`${local}-7`, "ada", `${local}@example.com`)).toEqual([
      "contains_username",
      "contains_email",
    ]);
    expect(problemsOf(`${local}-7`, local, "ada@example.com")).toEqual([
      "contains_username",
      "contains_email",
    ]);
  });

  test.each([
    "a.qxvzkwjp+mfhtr",
    "a*qxvzkwjp?mfhtr",
    "a^qxvzkwjp$mfhtr",
    "a{qxvzkwjp}mfhtr",
    "a(qxvzkwjp)mfhtr",
    "a[qxvzkwjp]mfhtr",
    "a|qxvzkwjp\\mfhtr",
    "?qxvzkwjpmfhtr",
  ])("are taken literally, whatever their characters: '%s'", (name) => {
    expect(problemsOf(`${name.toUpperCase()}7`, name)).toEqual(["contains_username"]);
    expect(problemsOf(`${name}7`, "eve", `${name}@example.com`)).toEqual(["contains_email"]);
    expect(problemsOf("qxvzkwjp mfhtr radio", name)).toEqual([]);
  });
});

describe("a new password that is hard to guess", () => {
  test.each([
    "correct horse battery staple",
    "vier betrunkene Igel",
    "pässwörd lang genug 🔑",
    "xK9#mQ2$vL7@pR4",
    "das Pferd frisst Gurkensalat 密码",
  ])("PW-5, PW-3: is accepted, whatever its characters: '%s'", async (password) => {
    await gate.auth.accounts.setPassword(id, password);
    await gate.login(OWNER.username, "JWT", password);
  });

  test("PW-5: is also accepted where 8 characters are enough", async () => {
    await short.auth.accounts.setPassword(id, "tulip-radio-42");
    await short.login(OWNER.username, "JWT", "tulip-radio-42");
  });

  test("PW-5: may be refused for one user and accepted for another", async () => {
    const password = "countess zanzibar.quartz 7";
    await gate.user("zanzibar.quartz");
    await gate.user("grace", { email: "admiral@example.com", password });
    await gate.login("grace", "JWT", password);
  });
});
