import { beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { attempt, REFUSED } from "../../support/attempts.js";
import {
  type Answer,
  describeFreshGates,
  describeGates,
  Gate,
  PASSWORD,
} from "../../support/gate.js";
import type { Tokens } from "../../support/gate.js";
import { type Row, rowsDuring } from "../audit/stored.js";
import { fresh } from "../../support/fresh.js";

const USER = "id username email profile { role } isActive createdAt lastLoginAt";
const MISSING = "0".repeat(32);
const NO_SUCH_USER = { status: 400, code: "BAD_USER_INPUT", data: null };
const STALE = { status: 403, code: "FORBIDDEN", reason: "reauthentication_required", data: null };
const OWN_ACCOUNT = "You cannot do this to your own account. Ask another administrator.";
const BY_TOKEN = "A static token cannot do this. Log in instead.";

/** A call of each mutation. */
const CALLS = {
  createUser: () => `createUser(username: "made") { user { ${USER} } }`,
  updateUser: (id) => `updateUser(id: "${id}", username: "renamed") { user { ${USER} } }`,
  setRole: (id) => `setRole(id: "${id}", role: ADMIN) { user { ${USER} } }`,
  setActive: (id) => `setActive(id: "${id}", isActive: false) { user { ${USER} } }`,
  unlockUser: (id) => `unlockUser(id: "${id}") { user { ${USER} } }`,
  endSessions: (id) => `endSessions(userId: "${id}") { message sessionsEnded }`,
  deleteUser: (id) => `deleteUser(id: "${id}") { message }`,
} satisfies Record<string, (id: string) => string>;
const NAMES = Object.keys(CALLS) as (keyof typeof CALLS)[];

describeFreshGates({ accessTokenLifetime: 3600, loginFailureLimit: 3 }, (gate) => {
  let rootId: string;
  let ada: string;
  let root: Tokens;

  beforeEach(async () => {
    rootId = await gate.user("root", { role: "ADMIN" });
    ada = await gate.user("ada", { email: "ada@example.com" });
    root = await fresh(gate, rootId);
    gate.events.length = 0;
  });

  const change = (
    mutation: string,
    variables: object = {},
    tokens: Tokens = root,
  ): Promise<Answer> => {
    const types: Record<string, string> = { id: "ID!", role: "Role" };
    const declared = Object.keys(variables).map((name) => `$${name}: ${types[name] ?? "String"}`);
    const list = declared.length === 0 ? "" : `(${declared.join(", ")})`;
    return gate.ask(`mutation ${list} { ${mutation} }`, {
      authorization: tokens.authorization,
      variables: { ...variables },
    });
  };
  /** Runs a mutation that succeeds, and returns the user in its payload. */
  const changed = async (mutation: string, variables?: object): Promise<any> => {
    const { data, text } = await change(mutation, variables);
    if (!data) throw new Error(text);
    return Object.values<{ user: unknown }>(data)[0]!.user;
  };
  const userOf = async (id: string) =>
    (await gate.ask(`{ user(id: "${id}") { ${USER} } }`, root)).data.user;
  /** Returns all stored users, including what no API shows. */
  const rows = () =>
    gate.sql(`SELECT * FROM "user" LEFT JOIN profile ON user_id = id ORDER BY username`);

  describe("createUser", () => {
    test("creates a user with a password, who can log in with it", async () => {
      const user = await changed(
        `createUser(username: "Bob", email: "Bob@example.com", password: "${PASSWORD}", role: ADMIN) { user { ${USER} } }`,
      );
      expect(user).toEqual({
        id: expect.stringMatching(/^[0-9a-f]{32}$/),
        username: "Bob",
        email: "Bob@example.com",
        profile: { role: "ADMIN" },
        isActive: true,
        createdAt: new Date(gate.now).toISOString(),
        lastLoginAt: null,
      });
      expect(gate.events).toEqual([{ type: "user_created", userId: user.id }]);
      await gate.login("bob");
    });

    test("PW-13: without a password creates a user who cannot log in by password until one is set", async () => {
      const user = await changed(
        `createUser(username: "bob", email: null, password: null, role: null) { user { ${USER} } }`,
      );
      expect(user).toMatchObject({ email: null, profile: { role: "USER" } });
      for (const password of ["null", "", PASSWORD]) {
        expect(await attempt(gate, "bob", password || " ")).toMatchObject(REFUSED);
      }
      await gate.auth.accounts.setPassword(user.id, PASSWORD);
      await gate.login("bob");
    });

    test.each([
      ["a taken name", { username: "ADA" }, "username_taken"],
      ["a name of two scripts", { username: "r\u043eot" }, undefined],
      ["a malformed name", { username: "a b" }, undefined],
      ["an empty name", { username: "" }, undefined],
      ["a long name", { username: "a".repeat(151) }, undefined],
      ["a taken address", { username: "bob", email: "ADA@example.com" }, undefined],
      ["a malformed address", { username: "bob", email: "bob" }, undefined],
      ["a header in the address", { username: "bob", email: "b@c.d\r\nBcc: x@y.z" }, undefined],
      ["a short password", { username: "bob", password: "short" }, "password_too_weak"],
      [
        "a password with the name",
        { username: "bobbobbob", password: "bobbobbobbobbobbob" },
        "password_too_weak",
      ],
    ])("is refused with %s, and stores nothing", async (_what, variables, reason) => {
      const before = await rows();
      const args = Object.keys(variables).map((name) => `${name}: $${name}`);
      const declared = Object.keys(variables).map(
        (name) => `$${name}: String${name === "username" ? "!" : ""}`,
      );
      const answer = await gate.ask(
        `mutation (${declared.join(", ")}) { createUser(${args.join(", ")}) { user { id } } }`,
        { authorization: root.authorization, variables },
      );
      expect(answer).toMatchObject({ status: 400, code: "BAD_USER_INPUT", reason, data: null });
      expect(await rows()).toEqual(before);
      expect(gate.events).toEqual([]);
    });
  });

  describe("updateUser", () => {
    const update = (args: string) =>
      changed(`updateUser(id: "${ada}", ${args}) { user { ${USER} } }`);

    test("changes the name and the address, each with its event, and keeps the sessions", async () => {
      const { authorization } = await gate.issue(ada);
      gate.events.length = 0;
      const user = await update(`username: "Eve", email: "eve@example.com"`);
      expect(user).toEqual({ ...(await userOf(ada)), username: "Eve", email: "eve@example.com" });
      expect(gate.events).toEqual([
        { type: "username_changed", userId: ada },
        { type: "email_changed", userId: ada },
      ]);
      expect((await gate.me(authorization)).data.me.username).toBe("Eve");
    });

    test("changes only the given fields, and null removes the address", async () => {
      expect(await update(`username: "eve"`)).toMatchObject({ email: "ada@example.com" });
      expect(await update(`email: null`)).toMatchObject({ username: "eve", email: null });
      expect(await changed(`updateUser(id: "${ada}") { user { username email } }`)).toEqual({
        username: "eve",
        email: null,
      });
      expect(gate.events.map(({ type }) => type)).toEqual(["username_changed", "email_changed"]);
    });

    test("a variable that is not given changes nothing, and null removes the address", async () => {
      const query = `mutation ($email: String) { updateUser(id: "${ada}", email: $email) { user { email } } }`;
      const ask = async (variables: object) =>
        (await gate.ask(query, { authorization: root.authorization, variables: { ...variables } }))
          .data.updateUser.user.email;
      expect(await ask({})).toBe("ada@example.com");
      expect(await ask({ email: null })).toBeNull();
    });

    test.each([
      ["a taken name", `username: "root", email: "new@example.com"`],
      ["a taken address", `username: "new", email: "root@example.com"`],
      ["a malformed address", `username: "new", email: "new"`],
      ["null as the name", `username: null, email: "new@example.com"`],
    ])("is refused with %s, and changes nothing", async (_what, args) => {
      await gate.auth.accounts.updateUser(rootId, { email: "root@example.com" });
      const before = await rows();
      gate.events.length = 0;
      expect(await change(`updateUser(id: "${ada}", ${args}) { user { id } }`)).toMatchObject({
        status: 400,
        code: "BAD_USER_INPUT",
      });
      expect(await rows()).toEqual(before);
      expect(gate.events).toEqual([]);
    });
  });

  describe("setRole", () => {
    test("AZ-5: gives a role that counts at the user's next request, and takes it away", async () => {
      const { authorization } = await gate.issue(ada);
      gate.events.length = 0;
      const list = async () =>
        (await gate.ask("{ users { edges { cursor } } }", { authorization })).status;
      expect(await list()).toBe(403);
      gate.events.length = 0;
      expect(await changed(CALLS.setRole(ada))).toMatchObject({ profile: { role: "ADMIN" } });
      expect(await list()).toBe(200);
      await changed(`setRole(id: "${ada}", role: USER) { user { id } }`);
      expect(await list()).toBe(403);
      expect(gate.events.slice(0, 2)).toEqual([
        { type: "role_changed", userId: ada, role: "ADMIN" },
        { type: "role_changed", userId: ada, role: "USER" },
      ]);
    });
  });

  describe("setActive", () => {
    test("ends the sessions and refuses logins, and a later activation does not bring sessions back", async () => {
      const { authorization, session } = await gate.issue(ada);
      gate.events.length = 0;
      expect(await changed(CALLS.setActive(ada))).toMatchObject({ isActive: false });
      expect((await gate.me(authorization)).status).toBe(401);
      expect(await attempt(gate, "ada", PASSWORD)).toMatchObject(REFUSED);
      gate.events.splice(2);
      expect(gate.events).toEqual([
        { type: "user_deactivated", userId: ada },
        { type: "session_ended", userId: ada, sessionId: session.id, reason: "user_deactivated" },
      ]);
      gate.events.length = 0;
      const user = await changed(`setActive(id: "${ada}", isActive: true) { user { isActive } }`);
      expect(user).toEqual({ isActive: true });
      expect(gate.events).toEqual([{ type: "user_activated", userId: ada }]);
      expect((await gate.me(authorization)).status).toBe(401);
      await gate.login("ada");
    });
  });

  describe("unlockUser", () => {
    test("unlocks an account that wrong passwords have locked", async () => {
      for (let turn = 0; turn < 3; turn += 1) await attempt(gate, "ada");
      await gate.flush();
      expect(await attempt(gate, "ada", PASSWORD)).toMatchObject(REFUSED);
      gate.events.length = 0;
      expect(await changed(CALLS.unlockUser(ada))).toEqual(await userOf(ada));
      expect(gate.events).toEqual([{ type: "account_unlocked", userId: ada }]);
      await gate.login("ada");
    });
  });

  describe("endSessions", () => {
    test("ends every session of the user, of each scheme, and nobody else's", async () => {
      const sessions = [
        await gate.issue(ada),
        await gate.issue(ada, "SLIDING"),
        await gate.issue(ada, "TOKEN"),
      ];
      gate.events.length = 0;
      const { data } = await change(CALLS.endSessions(ada));
      expect(data.endSessions).toEqual({
        message: "Logout successful, 3 sessions ended",
        sessionsEnded: 3,
      });
      for (const { authorization } of sessions) {
        expect((await gate.me(authorization)).reason).toBe("token_revoked");
      }
      expect(gate.events.slice(0, 3).map(({ type }) => type)).toEqual(
        Array(3).fill("session_ended"),
      );
      const again = await change(CALLS.endSessions(ada));
      expect(again.data.endSessions).toMatchObject({ sessionsEnded: 0 });
    });

    test("also ends the caller's own session", async () => {
      expect((await change(CALLS.endSessions(rootId))).data.endSessions.sessionsEnded).toBe(1);
      expect((await gate.me(root.authorization)).reason).toBe("token_revoked");
    });
  });

  describe("deleteUser", () => {
    test("deletes the user with the sessions", async () => {
      const { authorization, session } = await gate.issue(ada);
      gate.events.length = 0;
      expect((await change(CALLS.deleteUser(ada))).data).toEqual({
        deleteUser: { message: "User deleted" },
      });
      expect(gate.events).toEqual([
        { type: "user_deleted", userId: ada },
        { type: "session_ended", userId: ada, sessionId: session.id, reason: "user_deleted" },
      ]);
      expect(await userOf(ada)).toBeNull();
      expect((await gate.me(authorization)).status).toBe(401);
      expect((await rows()).map(({ username }) => username)).toEqual(["root"]);
    });
  });

  describe.each(["the last administrator", "one of two administrators"])("%s", (which) => {
    test.each([
      ["demoted", `setRole(id: "ID", role: USER) { user { id } }`],
      ["deactivated", `setActive(id: "ID", isActive: false) { user { id } }`],
      ["deleted", `deleteUser(id: "ID") { message }`],
    ])(
      "AZ-8, G-22: cannot be %s by that administrator, and nothing changes",
      async (_what, mutation) => {
        // An inactive administrator does not count.
        await gate
          .user("gone", { role: "ADMIN" })
          .then((id) => gate.auth.accounts.setActive(id, false));
        if (which !== "the last administrator") await gate.user("other", { role: "ADMIN" });
        const before = await rows();
        gate.events.length = 0;
        const answer = await change(mutation.replace("ID", rootId));
        expect(answer).toMatchObject({ status: 400, code: "BAD_USER_INPUT", data: null });
        expect(answer.errors?.[0]?.message).toBe(OWN_ACCOUNT);
        expect(await rows()).toEqual(before);
        expect((await gate.me(root.authorization)).data.me.username).toBe("root");
        expect(gate.events).toEqual([]);
      },
    );

    test("may set the role and the state that the user already has, which changes nothing", async () => {
      if (which !== "the last administrator") await gate.user("other", { role: "ADMIN" });
      for (const mutation of [
        `setRole(id: "${rootId}", role: ADMIN) { user { id } }`,
        `setActive(id: "${rootId}", isActive: true) { user { id } }`,
      ]) {
        expect((await change(mutation)).status).toBe(200);
      }
      expect(gate.events).toEqual([]);
    });
  });

  describe("every mutation", () => {
    const withTarget = NAMES.filter((name) => name !== "createUser");

    test.each(NAMES)(
      "AZ-8: %s is stored as one event, with its actor and its subject",
      async (name) => {
        const { session } = await gate.issue(ada);
        const stored: Partial<Row>[] = await rowsDuring(gate, async () => {
          // An account that is not locked gives no event.
          await gate.sql(`UPDATE "user" SET failed_logins = 3 WHERE id = ?`, [ada]);
          const { data, text } = await change(CALLS[name](ada));
          if (!data) throw new Error(text);
        });
        const subject =
          name === "createUser"
            ? (await gate.auth.accounts.findUser({ username: "made" }))!.id
            : ada;
        const actor = { actor_id: rootId, actor_session_id: root.session.id, subject_id: subject };
        for (const row of stored) expect(row).toMatchObject(actor);
        const [first, ...others] = stored.map(({ type }) => type);
        expect(first).toBe(
          {
            createUser: "user_created",
            updateUser: "username_changed",
            setRole: "role_changed",
            setActive: "user_deactivated",
            unlockUser: "account_unlocked",
            endSessions: "session_ended",
            deleteUser: "user_deleted",
          }[name],
        );
        // The end of a session is a separate event.
        const ends = ["setActive", "deleteUser"].includes(name) ? ["session_ended"] : [];
        expect(others).toEqual(ends);
        expect(session.id).not.toBe(root.session.id);
      },
    );

    test.each(withTarget)(
      "AZ-6: %s gives the same answer for a missing id and a malformed one, and changes nothing",
      async (name) => {
        const before = await rows();
        const answers = [];
        for (const id of [MISSING, "1", "", "x".repeat(5000), "' OR 1=1 --", "\\u0000"]) {
          const answer = await change(CALLS[name](id));
          expect(answer).toMatchObject(NO_SUCH_USER);
          answers.push(answer.errors?.[0]?.message);
        }
        expect(new Set(answers)).toEqual(new Set(["There is no such user."]));
        expect(await rows()).toEqual(before);
        expect(gate.events).toEqual([]);
      },
    );

    test.each(NAMES)("AZ-8: %s refuses every static token, and changes nothing", async (name) => {
      const before = await rows();
      const tokens = await fresh(gate, rootId, "TOKEN");
      gate.events.length = 0;
      const answer = await change(CALLS[name](ada), {}, tokens);
      expect(answer).toMatchObject({ status: 400, code: "BAD_USER_INPUT", data: null });
      expect(answer.errors?.[0]?.message).toBe(BY_TOKEN);
      expect(await rows()).toEqual(before);
      expect(gate.events).toEqual([]);
    });

    test.each(NAMES)(
      "AZ-8: %s needs a password given in the last 12 hours, and works after reauthenticate",
      async (name) => {
        const before = await rows();
        gate.advance(12 * 3600);
        const { authorization } = await gate.issue(rootId);
        const stale = { ...root, authorization };
        gate.events.length = 0;
        const refused = await change(CALLS[name](ada), {}, stale);
        expect(refused).toMatchObject(STALE);
        expect(refused.errors?.[0]?.extensions["freshWithin"]).toBe("12h");
        expect(await rows()).toEqual(before);
        const denied = { type: "freshness_denied", userId: rootId, freshWithin: "12h" };
        expect(gate.events).toEqual([denied]);
        const proof = await change(
          `reauthenticate(password: "${PASSWORD}") { message }`,
          {},
          stale,
        );
        expect(proof.status).toBe(200);
        expect((await change(CALLS[name](ada), {}, stale)).status).toBe(200);
        gate.advance(12 * 3600 + 0.001);
        const later = await fresh(gate, rootId);
        await gate.sql("UPDATE session SET authenticated_at = ? WHERE id = ?", [
          gate.now - 12 * 3600_000 - 1,
          later.session.id,
        ]);
        expect(await change(CALLS[name](ada), {}, later)).toMatchObject(STALE);
      },
    );

    test("G-02, AZ-10: is refused to a USER and to an anonymous caller", async () => {
      const before = await rows();
      const user = await fresh(gate, ada);
      for (const name of NAMES) {
        expect(await change(CALLS[name](ada), {}, user)).toMatchObject({
          status: 403,
          reason: "role_required",
          data: null,
        });
        const anonymous = await gate.ask(`mutation { ${CALLS[name](ada)} }`);
        expect(anonymous).toMatchObject({ status: 401, reason: "no_credentials", data: null });
      }
      expect(await rows()).toEqual(before);
    });

    test("AZ-7: takes no other field of a user", async () => {
      const extra = [
        ...["id", "isActive", "isStaff", "passwordHash", "password_hash", "credentialsVersion"],
        ...["failedLogins", "createdAt", "lastLoginAt", "profile", "emailVerifiedAt"],
      ];
      for (const field of extra) {
        const answers = [
          await change(`createUser(username: "made", ${field}: true) { user { id } }`),
          await change(
            `updateUser(id: "${ada}", ${field === "id" ? "role" : field}: ADMIN) { user { id } }`,
          ),
        ];
        for (const { code } of answers) expect(code).toBe("GRAPHQL_VALIDATION_FAILED");
      }
      for (const field of ["role", "password"]) {
        const answer = await change(`updateUser(id: "${ada}", ${field}: "ADMIN") { user { id } }`);
        expect(answer.code).toBe("GRAPHQL_VALIDATION_FAILED");
      }
    });

    test("PW-13: no mutation of an administrator takes the password of an existing user", async () => {
      const { data } = await gate.ask(
        "{ __schema { mutationType { fields { name args { name } } } } }",
      );
      const withPassword = data.__schema.mutationType.fields
        .filter(({ args }: any) => args.some(({ name }: any) => /password/i.test(name)))
        .map(({ name }: any) => name);
      expect(NAMES.filter((name) => withPassword.includes(name))).toEqual(["createUser"]);
    });
  });
});

describeGates({ roles: ["READER", "EDITOR", "OWNER"] }, (gate) => {
  let owner: Tokens;
  let editor: Tokens;
  let reader: string;

  beforeAll(async () => {
    const [ownerId, editorId] = [
      await gate.user("owner", { role: "OWNER" as never }),
      await gate.user("editor", { role: "EDITOR" as never }),
    ];
    reader = await gate.user("reader");
    owner = await fresh(gate, ownerId);
    editor = await fresh(gate, editorId);
  });

  const setRole = (role: string, { authorization }: Tokens, id = reader) =>
    gate.ask(`mutation { setRole(id: "${id}", role: ${role}) { user { profile { role } } } }`, {
      authorization,
    });

  describe("with three roles", () => {
    test("AZ-8: only users with the highest role administer, and they may give each role", async () => {
      for (const role of ["READER", "EDITOR", "OWNER"]) {
        expect(await setRole(role, editor)).toMatchObject({ status: 403, reason: "role_required" });
      }
      for (const role of ["EDITOR", "OWNER", "READER"]) {
        const { data } = await setRole(role, owner);
        expect(data.setRole.user.profile).toEqual({ role });
      }
      expect((await setRole("ADMIN", owner)).code).toBe("GRAPHQL_VALIDATION_FAILED");
    });

    test("AZ-8: users cannot raise their own role, and the last user with the highest role keeps it", async () => {
      const { data } = await gate.ask("{ me { id } }", editor);
      expect(await setRole("OWNER", editor, data.me.id)).toMatchObject({ reason: "role_required" });
      const own = (await gate.ask("{ me { id } }", owner)).data.me.id as string;
      for (const role of ["READER", "EDITOR"]) {
        expect(await setRole(role, owner, own)).toMatchObject({ code: "BAD_USER_INPUT" });
      }
    });

    test("a new user has the lowest role, unless another is given", async () => {
      const create = async (args: string) =>
        (
          await gate.ask(
            `mutation { createUser(${args}) { user { username profile { role } } } }`,
            owner,
          )
        ).data.createUser.user;
      expect(await create(`username: "one"`)).toMatchObject({ profile: { role: "READER" } });
      expect(await create(`username: "two", role: EDITOR`)).toMatchObject({
        profile: { role: "EDITOR" },
      });
      const { data } = await gate.ask(
        `{ users(where: { role: { in: [EDITOR] } }, orderBy: { field: USERNAME, direction: ASC }) {
          edges { node { username } } } }`,
        owner,
      );
      expect(data.users.edges.map(({ node }: any) => node.username)).toEqual(["editor", "two"]);
    });
  });
});

describe("with bearerCheck stateless", () => {
  test("AZ-5: a user who was demoted, or whose session has ended, administers nothing", async () => {
    const gate = await Gate.open({ bearerCheck: "stateless", accessTokenLifetime: 3600 });
    try {
      await gate.user("root", { role: "ADMIN" });
      const ada = await gate.user("ada", { role: "ADMIN" });
      const bob = await gate.user("bob");
      const { authorization, session } = await fresh(gate, ada);
      const all = [
        ...NAMES.map((name) => `mutation { ${CALLS[name](bob)} }`),
        "{ users { edges { cursor } } }",
        `{ user(id: "${bob}") { id } }`,
      ];
      await gate.auth.accounts.setRole(ada, "USER");
      for (const query of all) {
        const answer = await gate.ask(query, { authorization });
        expect([query, answer.reason]).toEqual([query, "role_required"]);
      }
      await gate.auth.accounts.setRole(ada, "ADMIN");
      expect((await gate.ask(`{ user(id: "${bob}") { id } }`, { authorization })).status).toBe(200);
      await gate.auth.sessions.end(session.id);
      for (const query of all) {
        const answer = await gate.ask(query, { authorization });
        expect([query, answer.reason]).toEqual([query, "token_revoked"]);
      }
      expect((await gate.auth.accounts.getUser(bob)).username).toBe("bob");
    } finally {
      await gate.close();
    }
  });
});

describe("switched off", () => {
  test("no field exists", async () => {
    const gate = await Gate.open({ administration: false });
    try {
      const { authorization } = await fresh(gate, await gate.user("root", { role: "ADMIN" }));
      const all = [
        ...NAMES.map((name) => `mutation { ${CALLS[name](MISSING)} }`),
        "{ users { edges { cursor } } }",
        `{ user(id: "${MISSING}") { id } }`,
        `mutation { startPasswordReset(id: "${MISSING}") { message } }`,
      ];
      for (const query of all) {
        const { code } = await gate.ask(query, { authorization });
        expect([query, code]).toEqual([query, "GRAPHQL_VALIDATION_FAILED"]);
      }
      expect(gate.auth.typeDefs).not.toMatch(/UserConnection|UserFilter|UserPayload/);
    } finally {
      await gate.close();
    }
  });
});
