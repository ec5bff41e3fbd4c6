import { describe, expect, test } from "@jest/globals";
import { commandOver, expectOneLine, ROOT, runCommand } from "../support/command.js";
import { describeFreshGates } from "../support/gate.js";

/** In milliseconds. Long, because processes start slowly on a busy machine. */
const TIMEOUT = 240_000;

describeFreshGates((gate) => {
  const run = commandOver(gate, TIMEOUT);
  const print = async (...parameters: string[]) => {
    const { code, stdout, stderr } = await run(...parameters);
    expect([code, stderr]).toEqual([0, ""]);
    return stdout;
  };

  /** Creates two users: ada with two static tokens and a JWT, and bob with one static token. */
  async function signIn() {
    const [ada, bob] = [await gate.user("ada"), await gate.user("bob")];
    const { authentication } = gate.auth;
    const backup = await authentication.createStaticToken(ada, "backup");
    gate.advance(1);
    const build = await authentication.createStaticToken(bob);
    gate.advance(1);
    const jwt = await gate.issue(ada);
    return { backup, build, jwt };
  }

  describe("static tokens", () => {
    test(
      "are listed for one user or for all, without their keys",
      async () => {
        expect(await print("list-tokens")).toBe("There are no static tokens.\n");
        const { backup } = await signIn();
        const { id } = backup.principal.session;
        const instant = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
        const times = { createdAt: instant, lastUsedAt: null, expiresAt: instant };
        const all = JSON.parse(await print("list-tokens", "--json"));
        expect(all).toEqual([
          expect.objectContaining({ username: "bob", label: null }),
          { id, username: "ada", label: "backup", ...times },
        ]);
        const text = await print("list-tokens", "ada");
        expect(text.split("\n")[0]).toBe(`${id}  ada  "backup"`);
        expect(text.split("\n")[1]).toMatch(/^ {2}created .+, last used never, expires 20/);
        expect(text).not.toContain(backup.token!.slice(37, 60));
        expectOneLine(await run("list-tokens", "nobody"), /There is no such user/);
      },
      TIMEOUT,
    );

    test(
      "are revoked by id, only once, and no other session ends",
      async () => {
        const { backup, jwt } = await signIn();
        const { id } = backup.principal.session;
        expect(await print("revoke-token", id)).toBe(`Revoked the token ${id}.\n`);
        expect((await gate.me(`Token ${backup.token}`)).reason).toBe("token_revoked");
        for (const wrong of [id, backup.token!, jwt.session.id]) {
          const refused = await run("revoke-token", wrong);
          expectOneLine(refused, /There is no working token with this id/);
          expect(refused.stderr).not.toContain(backup.token!.slice(37, 60));
        }
        expect((await gate.me(jwt.authorization)).status).toBe(200);
      },
      TIMEOUT,
    );
  });

  describe("end-sessions", () => {
    const statuses = async ({ backup, build, jwt }: Awaited<ReturnType<typeof signIn>>) =>
      Promise.all(
        [`Token ${backup.token}`, `Token ${build.token}`, jwt.authorization].map(
          async (authorization) => (await gate.me(authorization)).status,
        ),
      );

    test(
      "ends the sessions of one user",
      async () => {
        const all = await signIn();
        expect(await print("end-sessions", "--user", "ada")).toBe("Ended 2 sessions.\n");
        expect(await statuses(all)).toEqual([401, 200, 401]);
      },
      TIMEOUT,
    );

    test(
      "ends the sessions of one user or of all users that began before a time",
      async () => {
        const all = await signIn();
        const until = new Date(all.build.principal.session.createdAt + 1).toISOString();
        const before = ["--created-before", until];
        const ofBob = await print("end-sessions", "--user", "bob", ...before);
        expect(ofBob).toBe("Ended 1 session.\n");
        expect(await statuses(all)).toEqual([200, 401, 200]);
        expect(await print("end-sessions", ...before)).toBe("Ended 1 session.\n");
        expect(await statuses(all)).toEqual([401, 401, 200]);
      },
      TIMEOUT,
    );

    test(
      "ends all sessions, even more than a thousand",
      async () => {
        const all = await signIn();
        const { backup } = all;
        const columns =
          "user_id, scheme, credentials_version, generation, created_at, rotated_at, expires_at";
        for (let turn = 0; turn < 11; turn += 1) {
          // Each run of this statement doubles the rows.
          await gate.sql(
            `INSERT INTO session (id, ${columns}) SELECT id || '${turn}', ${columns} FROM session WHERE user_id = ?`,
            [backup.principal.id],
          );
        }
        expect(await print("end-sessions", "--all")).toBe("Ended 4097 sessions.\n");
        expect(await statuses(all)).toEqual([401, 401, 401]);
        const reasons = await gate.sql("SELECT DISTINCT end_reason AS reason FROM session");
        expect(reasons).toEqual([{ reason: "revoked" }]);
      },
      TIMEOUT,
    );
  });
});

test.each([
  [[], /Say which sessions/],
  [["--all", "--user", "ada"], /cannot be used with/],
  [["--all", "--created-before", "2020-01-01"], /cannot be used with/],
  [["--created-before", "yesterday"], /must be a date, or a time that ends in Z or an offset/],
  [["--created-before", "2026-02-30"], /must be a date, or a time that ends in Z or an offset/],
  [
    ["--created-before", "2026-02-20T10:00:00"],
    /must be a date, or a time that ends in Z or an offset/,
  ],
])("end-sessions refuses %j", async (parameters, line) => {
  expectOneLine(await runCommand(["end-sessions", ...parameters], { cwd: ROOT }), line);
});
