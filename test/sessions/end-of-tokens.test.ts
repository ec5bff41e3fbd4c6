import { beforeAll, describe, expect, test } from "@jest/globals";
import { type Call, describeGates, type Gate, type Tokens } from "../support/gate.js";

const SCHEMES = ["JWT", "TOKEN", "SLIDING"] as const;
const ADMINS = "{ allSessions(first: 1) { edges { cursor } } }";

/** The sessions of one user. */
interface Scene {
  id: string;
  /** The tokens of the session to end. */
  target: Tokens;
  /** Another session of the same user. */
  other: Tokens;
}

describeGates((gate) => {
  let twin: Gate;
  let admin: Tokens;
  let names = 0;

  beforeAll(async () => {
    twin = await gate.another();
    await gate.user("root", { role: "ADMIN" });
    admin = await gate.login("root");
  });

  const end = (field: string, { authorization }: Tokens) =>
    gate.ask(`mutation { ${field} { sessionsEnded } }`, { authorization });

  /** Each way to end a session, and the reason by which its tokens are then refused. */
  const endings: Record<string, [run: (scene: Scene) => Promise<unknown>, reason: string]> = {
    "logout by the session's header": [({ target }) => end("logout", target), "token_revoked"],
    "logoutAll by the session itself": [({ target }) => end("logoutAll", target), "token_revoked"],
    "logoutAll by another session": [({ other }) => end("logoutAll", other), "token_revoked"],
    "logoutOthers by another session": [({ other }) => end("logoutOthers", other), "token_revoked"],
    "revokeSession by its user": [
      ({ target, other }) => end(`revokeSession(id: "${target.session.id}")`, other),
      "token_revoked",
    ],
    "revokeSession by an ADMIN": [
      ({ target }) => end(`revokeSession(id: "${target.session.id}")`, admin),
      "token_revoked",
    ],
    "setActive(false)": [({ id }) => gate.auth.accounts.setActive(id, false), "user_inactive"],
    setPassword: [
      ({ id }) => gate.auth.accounts.setPassword(id, "another correct horse"),
      "password_changed",
    ],
    deleteUser: [({ id }) => gate.auth.accounts.deleteUser(id), "user_not_found"],
  };

  async function openScene(scheme: (typeof SCHEMES)[number]): Promise<Scene> {
    const username = `user${(names += 1)}`;
    const id = await gate.user(username, { role: "ADMIN" });
    const target = await gate.login(username, scheme);
    return { id, target, other: await gate.login(username, "TOKEN") };
  }

  /** Returns a call for each way to use a session's tokens. */
  const usesOf = ({ scheme, authorization, token, access, refresh }: Tokens) => [
    (call: Call) => gate.ask("{ me { id } }", { ...call, authorization }),
    (call: Call) => gate.ask(ADMINS, { ...call, authorization }),
    ...(scheme === "TOKEN"
      ? []
      : [(call: Call) => gate.refresh(scheme === "JWT" ? refresh : token, call)]),
    ...[token, access, refresh].filter(Boolean).map((text) => async (call: Call) => {
      const query = `mutation ($token: String!) { verifyToken(token: $token) { active } }`;
      const answer = await gate.ask(query, { ...call, variables: { token: text } });
      return answer.data.verifyToken.active === false ? null : answer;
    }),
  ];

  describe.each(SCHEMES)("the tokens of a session by %s", (scheme) => {
    test.each(Object.entries(endings))(
      "JW-18, W15, RF-16: are refused at once, on every server, after %s",
      async (name, [run, reason]) => {
        const scene = await openScene(scheme);
        expect((await gate.me(scene.target.authorization)).status).toBe(200);
        expect((await gate.ask(ADMINS, { ...scene.target, url: twin.url })).status).toBe(200);
        await run(scene);
        // A static token does not name its user, so without its row it looks like any unknown token.
        const expected = scheme === "TOKEN" && name === "deleteUser" ? "token_not_valid" : reason;
        for (const url of [gate.url, twin.url]) {
          for (const use of usesOf(scene.target)) {
            const answer = await use({ url });
            if (answer === null) continue;
            expect(answer).toMatchObject({
              status: 401,
              code: "UNAUTHENTICATED",
              reason: expected,
            });
          }
        }
        expect((await gate.me(admin.authorization)).status).toBe(200);
      },
    );

    test("W16, R-02, JW-13: have the new role at once, on every server and after a refresh", async () => {
      const { id, target } = await openScene(scheme);
      for (const [role, status] of [
        ["USER", 403],
        ["ADMIN", 200],
        ["USER", 403],
      ] as const) {
        await gate.auth.accounts.setRole(id, role);
        for (const url of [gate.url, twin.url]) {
          const call = { authorization: target.authorization, url };
          expect((await gate.ask(ADMINS, call)).status).toBe(status);
          const { data } = await gate.ask("{ me { profile { role } } }", call);
          expect(data.me.profile.role).toBe(role);
        }
      }
      if (scheme === "TOKEN") return;
      const { data } = await gate.refresh(scheme === "JWT" ? target.refresh : target.token);
      const authorization = `Bearer ${data.refreshToken.access ?? data.refreshToken.token}`;
      expect(await gate.ask(ADMINS, { authorization })).toMatchObject({
        status: 403,
        code: "FORBIDDEN",
        reason: "role_required",
      });
    });

    test("U-09, U-10, U-12: stay refused when the old password is set again", async () => {
      const { id, target } = await openScene(scheme);
      await gate.auth.accounts.setPassword(id, "another correct horse");
      await gate.auth.accounts.setPassword(id, "correct horse battery staple");
      for (const use of usesOf(target)) {
        const answer = await use({});
        if (answer !== null) expect(answer).toMatchObject({ reason: "password_changed" });
      }
    });

    test("U-02: stay refused once an inactive user is active again", async () => {
      const { id, target } = await openScene(scheme);
      await gate.auth.accounts.setActive(id, false);
      expect((await gate.me(target.authorization)).reason).toBe("user_inactive");
      await gate.auth.accounts.setActive(id, true);
      expect((await gate.me(target.authorization)).reason).toBe("token_revoked");
    });

    test("U-16: stay valid for the same user when the user name and the address change", async () => {
      const { id, target } = await openScene(scheme);
      await gate.sql(`UPDATE "user" SET username = ?, username_key = ?, email = ? WHERE id = ?`, [
        `new${id}`,
        `new${id}`,
        `${id}@example.com`,
        id,
      ]);
      expect((await gate.me(target.authorization)).data.me).toEqual({ id, username: `new${id}` });
    });
  });
});
