import { join } from "node:path";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { commandOver, expectOneLine, setUpFolders } from "../support/command.js";
import { eventually } from "../support/eventually.js";
import { fresh } from "../support/fresh.js";
import { describeFreshGates, PASSWORD } from "../support/gate.js";
import { describeTerminal, runOnTerminal } from "../support/terminal.js";

/** In milliseconds. Long, because processes start slowly on a busy machine. */
const TIMEOUT = 240_000;
const INSTANT = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
const SECRETS = /argon2|secret|hash|credentials|gth_/i;

describeFreshGates((gate) => {
  const run = commandOver(gate, TIMEOUT);
  const print = async (...parameters: string[]) => {
    const { code, stdout, stderr } = await run(...parameters);
    expect([code, stderr]).toEqual([0, ""]);
    return stdout;
  };
  const parse = async (...parameters: string[]) => JSON.parse(await print(...parameters, "--json"));
  let ada: string;
  let root: string;

  beforeEach(async () => {
    [ada, root] = [
      await gate.user("ada", { email: "ada@example.com" }),
      await gate.user("root", { role: "ADMIN", email: "root@example.org" }),
    ];
  });

  const isAda = (rest: object = {}) => ({
    id: ada,
    username: "ada",
    email: "ada@example.com",
    role: "USER",
    isActive: true,
    createdAt: INSTANT,
    lastLoginAt: null,
    ...rest,
  });

  test(
    "list-users prints one line for each user by name, and filters them",
    async () => {
      const bob = await gate.user("bob");
      await gate.auth.accounts.setActive(bob, false);
      const lines = {
        ada: `${ada}  ada  ada@example.com  USER  never logged in\n`,
        bob: `${bob}  bob  USER  inactive  never logged in\n`,
        root: `${root}  root  root@example.org  ADMIN  never logged in\n`,
      };
      expect(await print("list-users")).toBe(lines.ada + lines.bob + lines.root);
      expect(await print("list-users", "--role", "Admin")).toBe(lines.root);
      expect(await print("list-users", "--inactive")).toBe(lines.bob);
      expect(await print("list-users", "--search", "EXAMPLE")).toBe(lines.ada + lines.root);
      expect(await print("list-users", "--search", "o", "--role", "user")).toBe(
        lines.ada + lines.bob,
      );
      expect(await parse("list-users", "--search", "ada")).toEqual([isAda()]);
      expect(await parse("list-users", "--search", "%")).toEqual([]);
    },
    TIMEOUT,
  );

  test(
    "list-users prints all users, however many pages they need",
    async () => {
      const columns = `password_hash, is_active, failed_logins, credentials_version, created_at`;
      for (let turn = 0; turn < 8; turn += 1) {
        // Each run of this statement doubles the rows.
        await gate.sql(
          `INSERT INTO "user" (id, username, username_key, ${columns})
           SELECT id || '${turn}', username || '${turn}', username_key || '${turn}', ${columns} FROM "user"`,
        );
      }
      const listed = (await print("list-users")).trimEnd().split("\n");
      const names = listed.map((line) => line.split("  ")[1] ?? "");
      expect(new Set(names).size).toBe(512);
      expect(names).toHaveLength(512);
      expect(await parse("list-users")).toHaveLength(512);
    },
    TIMEOUT,
  );

  test(
    "a user can be named by user name or e-mail address, unless the text names two users",
    async () => {
      expect(await parse("show-user", "ADA")).toEqual(isAda());
      expect(await parse("show-user", "ada@example.com")).toEqual(isAda());
      const text = await print("show-user", "ada");
      expect(text).toContain(`id: ${ada}\nusername: ada\nemail: ada@example.com\nrole: USER\n`);
      await gate.user("root@example.org");
      const refused = await run("set-role", "root@example.org", "user");
      expectOneLine(refused, /is the user name of one user and the e-mail address of another/);
      expectOneLine(await run("show-user", "nobody"), /There is no such user/);
    },
    TIMEOUT,
  );

  test(
    "set-role, deactivate and activate print the user as JSON for scripts",
    async () => {
      expect(await print("set-role", "ada", "admin")).toBe("ada is now admin.\n");
      expect(await parse("set-role", "ada", "USER")).toEqual(isAda());
      expect(await parse("deactivate", "ada")).toEqual(isAda({ isActive: false }));
      expect(await parse("activate", "ada@example.com")).toEqual(isAda());
      expectOneLine(await run("set-role", "root", "user"), /is the last active ADMIN/);
      const unknown = await run("set-role", "ada", "king");
      expectOneLine(unknown, /Allowed choices are user, admin\.$/m);
      expect(unknown.code).toBe(64);
    },
    TIMEOUT,
  );

  test(
    "revoke-token prints the id as JSON for scripts",
    async () => {
      const { session } = await gate.issue(ada, "TOKEN");
      expect(await parse("revoke-token", session.id)).toEqual({ id: session.id });
    },
    TIMEOUT,
  );

  test(
    "delete-user asks for --yes without a terminal, and deletes nothing without it",
    async () => {
      const refused = await run("delete-user", "ada");
      expectOneLine(refused, /There is no terminal to ask on\. Pass --yes\./);
      expect(refused.code).toBe(64);
      expectOneLine(await run("delete-user", "root", "--yes"), /is the last active ADMIN/);
      expect(await gate.sql(`SELECT id FROM "user"`)).toHaveLength(2);
      expect(await print("delete-user", "ada@example.com", "--yes")).toBe(
        "Deleted ada@example.com.\n",
      );
      expect(await gate.sql(`SELECT id FROM "user"`)).toEqual([{ id: root }]);
      const [event] = await gate.sql(
        `SELECT subject_id AS "subjectId" FROM audit_event WHERE type = 'user_deleted'`,
      );
      expect(event).toEqual({ subjectId: ada });
    },
    TIMEOUT,
  );

  test(
    "export-user prints what is stored about a user, without secrets and without the data of others",
    async () => {
      const { session } = await gate.login("ada");
      const { token } = await gate.issue(ada, "TOKEN");
      const admin = await fresh(gate, root);
      await gate.core.authentication.issue(ada, {
        scheme: "JWT",
        impersonator: (await gate.auth.authentication.verifyToken(admin.access))!.principal,
        client: {
          ...{ ipAddress: "203.0.113.9", userAgent: "canary" },
          actor: { userId: root, sessionId: admin.session.id },
        },
      });
      const query = `mutation { revokeSession(id: "${session.id}") { sessionsEnded } }`;
      const headers = { "user-agent": "canary" };
      await gate.ask(query, { authorization: admin.authorization, headers });
      // The events are stored a moment after they happen.
      await eventually(
        async () =>
          (await gate.sql("SELECT id FROM audit_event WHERE type = ?", ["session_ended"]))
            .length === 1,
      );
      const printed = await print("export-user", "ada");
      const { user, profile, sessions, features } = JSON.parse(printed);
      expect({ ...user, ...profile }).toEqual(isAda({ lastLoginAt: INSTANT }));
      const kinds = sessions.map(({ scheme, isImpersonated }: any) => [scheme, isImpersonated]);
      expect(kinds.sort()).toEqual([
        ["JWT", false],
        ["JWT", true],
        ["TOKEN", false],
      ]);
      expect(sessions[0]).toMatchObject({ id: expect.any(String), createdAt: INSTANT });
      expect(features.audit.map(({ type }: { type: string }) => type)).toEqual(
        expect.arrayContaining(["token_issued", "session_ended"]),
      );
      expect(printed).not.toMatch(SECRETS);
      expect(printed).not.toContain(token);
      for (const ofOther of [root, "canary", "203.0.113.9", admin.session.id]) {
        expect(printed).not.toContain(ofOther);
      }
    },
    TIMEOUT,
  );
});

describe("without a database", () => {
  const folders = setUpFolders();

  test.each([
    ["list-users"],
    ["show-user", "ada"],
    ["set-role", "ada", "admin"],
    ["delete-user", "ada", "--yes"],
    ["export-user", "ada"],
  ])(
    "%s creates neither a database nor a secret",
    async (...parameters) => {
      const folder = await folders.empty();
      expectOneLine(await folder.run(parameters), /database/);
      expect(await folder.files()).toEqual([]);
    },
    TIMEOUT,
  );

  test.each(["list-users", "show-user", "set-role", "delete-user", "export-user"])(
    "%s --help has an example",
    async (command) => {
      const folder = await folders.empty();
      const { code, stdout } = await folder.run([command, "--help"]);
      expect(code).toBe(0);
      expect(stdout).toMatch(new RegExp(`^Example:\n {2}gatehouse ${command} `, "m"));
      for (const option of ["--json", "--database"]) expect(stdout).toContain(option);
    },
    TIMEOUT,
  );

  test(
    "a misspelt command is refused, and the right one is suggested",
    async () => {
      const folder = await folders.empty();
      expectOneLine(await folder.run(["list-user"]), /Did you mean list-users\?/);
    },
    TIMEOUT,
  );
});

describeTerminal("delete-user on a terminal", () => {
  const folders = setUpFolders();

  test.each([
    ["y\r", 0, 0],
    ["\r", 1, 1],
    ["no\r", 1, 1],
    ["\u0003", 1, 1],
  ])(
    "asks, and after %j ends with code %d",
    async (typed, code, left) => {
      const folder = await folders.empty();
      await folder.run(["create-user", "ada", "--password-stdin"], { input: PASSWORD });
      const ended = await runOnTerminal(["delete-user", "ada"], { cwd: folder.path }, [
        [/Delete ada .*\? \[y\/N\] /, typed],
      ]);
      expect(ended.code).toBe(code);
      expect(ended.screen).toContain(`Database: sqlite:${join(folder.path, "data")}`);
      expect(ended.screen).toMatch(code === 0 ? /Deleted ada\./ : /Nothing was changed\./);
      expect(await folder.sql("SELECT id FROM user")).toHaveLength(left);
    },
    TIMEOUT,
  );
});
