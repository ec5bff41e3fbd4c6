import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { commandOver, serveBeside, type Serving } from "../support/command.js";
import { decode } from "../support/forge.js";
import { describeGates, PASSWORD } from "../support/gate.js";

const ME = "{ me { username } }";
/** In milliseconds. Long, because processes start slowly on a busy machine. */
const TIMEOUT = 240_000;

const kidOf = (token: string) => String(decode(token.replace("Bearer ", "")).header["kid"]);
const reasonOf = ({ errors }: any) => errors?.[0]?.extensions.reason;

// The gate uses the real clock, because the other processes use it too.
describeGates({ now: Date.now }, (gate) => {
  let server: Serving;

  beforeAll(async () => {
    await gate.user("ada");
    server = await serveBeside(gate, gate.secretKey);
  }, TIMEOUT);

  afterAll(async () => {
    await server.stop();
  }, TIMEOUT);

  const run = commandOver(gate, TIMEOUT);

  const reasons = async (authorization: string) => [
    (await gate.me(authorization)).reason,
    reasonOf(await server.ask(ME, authorization)),
  ];

  describe("a change by the command reaches two running servers at once", () => {
    test(
      "J-15: a revoked key is refused by both, its tokens end no session, and neither signs with it",
      async () => {
        const old = await server.login("ada", PASSWORD);
        const { refresh } = await gate.login("ada");
        expect(await reasons(old)).toEqual([undefined, undefined]);
        expect((await run("rotate-keys", "--revoke", kidOf(old))).code).toBe(0);
        const logout = await server.ask("mutation { logout { sessionsEnded } }", old);
        expect(reasonOf(logout)).toBe("token_not_valid");
        expect(await reasons(old)).toEqual(["token_not_valid", "token_not_valid"]);
        const next = [
          await server.login("ada", PASSWORD),
          (await gate.login("ada")).authorization,
          `Bearer ${(await gate.refresh(refresh)).data.refreshToken.access}`,
        ];
        for (const authorization of next) {
          expect(kidOf(authorization)).not.toBe(kidOf(old));
          expect(await reasons(authorization)).toEqual([undefined, undefined]);
        }
      },
      TIMEOUT,
    );

    test(
      "J-15: the first login after a revocation is signed with the new key",
      async () => {
        const old = kidOf(await server.login("ada", PASSWORD));
        await run("rotate-keys", "--revoke", old);
        expect(kidOf(await server.login("ada", PASSWORD))).not.toBe(old);
      },
      TIMEOUT,
    );

    test(
      "U-02: a deactivation ends the sessions permanently",
      async () => {
        const authorization = await server.login("ada", PASSWORD);
        await gate.user("root", { role: "ADMIN" });
        expect((await run("deactivate", "ada")).stdout).toBe("Deactivated ada.\n");
        expect(await reasons(authorization)).toEqual(["user_inactive", "user_inactive"]);
        expect((await run("activate", "ada")).stdout).toBe("Activated ada.\n");
        expect(await reasons(authorization)).toEqual(["token_revoked", "token_revoked"]);
      },
      TIMEOUT,
    );
  });
});
