import { beforeAll, expect, test } from "@jest/globals";
import type { Accounts } from "../../src/accounts/accounts.js";
import type { Authentication } from "../../src/authentication/authentication.js";
import { AuthError } from "../../src/index.js";
import type { Sessions } from "../../src/sessions/sessions.js";
import { describeGates, PASSWORD } from "../support/gate.js";

/** A call with a value of the wrong type, and the message that it is refused with. */
type Case = [call: () => unknown, message: string];

const NOT_VALID = "Token is not valid.";
const NO_USER = "There is no such user.";
const NO_LOGIN = "login must have a username or an email.";
const NOT_TEXT = "must be text.";
const LABEL = "label must have from 1 to 100 characters, none of them a control character.";
const SCHEME = "scheme must be TOKEN, JWT or SLIDING.";
const ROLE = "role must be USER or ADMIN.";

describeGates((gate) => {
  let id: string;
  /** Hides the type of a value, because the compiler would refuse it. */
  const any = (value: unknown): any => value;

  beforeAll(async () => {
    id = await gate.user("ada");
  });

  const accountCases = (): Record<Exclude<keyof Accounts, "passwordPolicy">, Case[]> => {
    const { accounts } = gate.auth;
    return {
      createUser: [
        ...[null, undefined, 42, "ada"].map((user): Case => [
          () => accounts.createUser(any(user)),
          "user must be an object.",
        ]),
        ...[42, null, undefined, ["ada"], {}].map((username): Case => [
          () => accounts.createUser({ username: any(username) }),
          `username ${NOT_TEXT}`,
        ]),
        [() => accounts.createUser({ username: "eve", email: any(42) }), `email ${NOT_TEXT}`],
        [() => accounts.createUser({ username: "eve", password: any(42) }), `password ${NOT_TEXT}`],
        [() => accounts.createUser({ username: "eve", role: any(42) }), ROLE],
      ],
      findUser: [
        [() => accounts.findUser(any(null)), "login must be an object."],
        [() => accounts.findUser(any("ada")), "login must be an object."],
        [() => accounts.findUser(any({})), NO_LOGIN],
        [() => accounts.findUser({ username: any(42) }), `username ${NOT_TEXT}`],
        [() => accounts.findUser({ email: any(null) }), `email ${NOT_TEXT}`],
      ],
      getUser: [42, [id], { id: [id] }].map((user) => [() => accounts.getUser(any(user)), NO_USER]),
      setPassword: [
        [() => accounts.setPassword(any(42), PASSWORD), NO_USER],
        ...[42, null, undefined, [PASSWORD], {}].map((password): Case => [
          () => accounts.setPassword(id, any(password)),
          `password ${NOT_TEXT}`,
        ]),
        [() => accounts.setPassword(id, PASSWORD, any(null)), "change must be an object."],
        ...[42, "", "x", [id]].map((keepSession): Case => [
          () => accounts.setPassword(id, PASSWORD, { keepSession: any(keepSession) }),
          "keepSession must be the id of a session.",
        ]),
      ],
      updateUser: [
        [() => accounts.updateUser(any(42), {}), NO_USER],
        [() => accounts.updateUser(id, any(null)), "changes must be an object."],
        [() => accounts.updateUser(id, { username: any(null) }), `username ${NOT_TEXT}`],
        [() => accounts.updateUser(id, { email: any(42) }), `email ${NOT_TEXT}`],
      ],
      users: [
        [() => accounts.users(any(null)), "query must be an object."],
        [() => accounts.users({ usernameIexact: any(42) }), `username ${NOT_TEXT}`],
        [() => accounts.users({ usernameIcontains: any(42) }), `username.icontains ${NOT_TEXT}`],
        [() => accounts.users({ emailIexact: any(42) }), `email ${NOT_TEXT}`],
        [() => accounts.users({ emailIcontains: any(42) }), `email.icontains ${NOT_TEXT}`],
        [() => accounts.users({ roles: any("USER") }), "roles must be a list of USER or ADMIN."],
        [() => accounts.users({ roles: any(["user"]) }), "roles must be a list of USER or ADMIN."],
        [() => accounts.users({ isActive: any(1) }), "isActive must be true or false."],
        [
          () => accounts.users({ createdAfter: any("2026") }),
          "createdAfter must be an instant in epoch milliseconds.",
        ],
        ...[42, {}, { field: "id", direction: "ASC" }, { field: "createdAt", direction: "up" }].map(
          (orderBy): Case => [
            () => accounts.users({ orderBy: any(orderBy) }),
            "orderBy must have the field createdAt, username or lastLoginAt, and the direction ASC or DESC.",
          ],
        ),
        ...[0, 101, 1.5, "5", null].map((first): Case => [
          () => accounts.users({}, any(first)),
          "first must be a whole number from 1 to 100.",
        ]),
        ...[42, "x", {}, { value: "ada", id }, { value: 1 }].map((after): Case => [
          () => accounts.users({}, 1, any(after)),
          "after must be a cursor of this list.",
        ]),
        ...[1, null].map((value): Case => [
          () =>
            accounts.users({ orderBy: { field: "username", direction: "ASC" } }, 1, {
              value: any(value),
              id,
            }),
          "after must be a cursor of this list.",
        ]),
      ],
      setRole: [
        [() => accounts.setRole(any(42), "USER"), NO_USER],
        [() => accounts.setRole(id, any(42)), ROLE],
      ],
      setActive: [
        [() => accounts.setActive(any(42), true), NO_USER],
        ...["yes", 0, 1, null, undefined].map((isActive): Case => [
          () => accounts.setActive(id, any(isActive)),
          "isActive must be true or false.",
        ]),
      ],
      unlock: [[() => accounts.unlock(any(42)), NO_USER]],
      deleteUser: [[() => accounts.deleteUser(any(42)), NO_USER]],
      hasNoUsers: [],
    };
  };

  const sessionCases = (): Record<keyof Sessions, Case[]> => {
    const { sessions } = gate.auth;
    return {
      list: [null, undefined, 42, {}].map((user) => [() => sessions.list(any(user)), NO_USER]),
      end: [null, undefined, 42, {}, [id]].map((session) => [
        () => sessions.end(any(session)),
        "session must be a session or its id.",
      ]),
      endAll: [[() => sessions.endAll(any(null)), NO_USER]],
    };
  };

  const authenticationCases = (): Record<keyof Authentication, Case[]> => {
    const { authentication } = gate.auth;
    return {
      login: [
        [() => authentication.login(any({}), "x"), NO_LOGIN],
        [() => authentication.login(any(null), PASSWORD), "login must be an object."],
        [() => authentication.login({ username: any(42) }, PASSWORD), `username ${NOT_TEXT}`],
        [() => authentication.login({ username: "ada" }, any(42)), `password ${NOT_TEXT}`],
        [() => authentication.login({ username: "ada" }, any(null)), `password ${NOT_TEXT}`],
        [() => authentication.login({ username: "ada" }, PASSWORD, any("KING")), SCHEME],
        [() => authentication.login({ username: "ada" }, PASSWORD, any(42)), SCHEME],
      ],
      refresh: [42, null, undefined, {}, ["x"]].map((token) => [
        () => authentication.refresh(any(token)),
        NOT_VALID,
      ]),
      logout: [42, null, undefined, {}, ["x"]].map((token) => [
        () => authentication.logout(any(token)),
        NOT_VALID,
      ]),
      verifyToken: [],
      createStaticToken: [
        [() => authentication.createStaticToken(any(42)), NO_USER],
        [() => authentication.createStaticToken(any({ username: "ada" })), NO_USER],
        [() => authentication.createStaticToken(id, any(42)), LABEL],
      ],
    };
  };

  const tokenCases = (): Case[] => {
    const { AccessToken, RefreshToken, SlidingToken, UntypedToken, StaticToken } = gate.auth.tokens;
    return [
      ...[AccessToken, RefreshToken, SlidingToken].flatMap((Class): Case[] => [
        [() => Class.forUser(any(42)), NO_USER],
        [() => new Class(any(42)), NOT_VALID],
        [() => new Class(any({}), { verify: false }), NOT_VALID],
        [() => new Class().setExp({ lifetime: any("1h") }), "lifetime must be a number."],
        [() => new Class().setExp({ from: any("now") }), "from must be a number."],
        [() => new Class().setIat({ at: any({}) }), "at must be a number."],
        [
          () => {
            new Class().checkExp({ at: any("now") });
          },
          "at must be a number.",
        ],
        [() => new Class().set("sub", 42).outstand(), NOT_VALID],
        [() => new Class().set("sub", 42).blacklist(), NOT_VALID],
        [() => new Class().set("sid", 42).checkBlacklist(), NOT_VALID],
      ]),
      [() => new UntypedToken(any(42)), NOT_VALID],
      [() => StaticToken.create(any(42)), NO_USER],
      [() => StaticToken.create(id, any(42)), LABEL],
      [() => StaticToken.getOrCreate(any(42)), NO_USER],
      [() => StaticToken.getOrCreate(id, any(42)), LABEL],
      [() => StaticToken.find(any(null)), "A query is required."],
      [() => StaticToken.find(any(42)), "A query is required."],
      [() => StaticToken.find({ userIds: any([42]) }), NO_USER],
      [() => StaticToken.find({ userIds: any(id) }), "userIds must be a list."],
      [() => StaticToken.find({ username: any(42) }), `username.exact ${NOT_TEXT}`],
      [() => StaticToken.find({ usernameIexact: any(42) }), `username ${NOT_TEXT}`],
      [() => StaticToken.find({ emailIcontains: any(42) }), `email.icontains ${NOT_TEXT}`],
      [
        () => StaticToken.find({ createdAfter: any(new Date()) }),
        "createdAfter must be an instant in epoch milliseconds.",
      ],
    ];
  };

  test("U-14: a value of the wrong type is refused in one line by every method, and changes nothing", async () => {
    const cases = [
      ...Object.values(accountCases()),
      ...Object.values(sessionCases()),
      ...Object.values(authenticationCases()),
      tokenCases(),
    ].flat();
    const stored = () => gate.sql(`SELECT id, is_active, failed_logins FROM "user"`);
    const before = await stored();
    for (const [call, message] of cases) {
      const error = await Promise.resolve()
        .then(call)
        .catch((thrown: unknown) => thrown);
      expect([String(call), (error as Error).message]).toEqual([String(call), message]);
      expect(error).toBeInstanceOf(AuthError);
    }
    expect(await stored()).toEqual(before);
    expect(await gate.sql(`SELECT id FROM session`)).toEqual([]);
  });

  test.each([42, null, undefined, {}, ["x"]])(
    "V-01: verifyToken returns null for a token that is not text: %j",
    async (token) => {
      expect(await gate.auth.authentication.verifyToken(any(token))).toBeNull();
    },
  );
});
