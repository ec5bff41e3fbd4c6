import { beforeAll, describe, expect, test } from "@jest/globals";
import { describeGates } from "../support/gate.js";

describeGates((gate) => {
  beforeAll(async () => {
    await gate.user("ada");
    await gate.user("eve");
  });

  describe("logout", () => {
    test("T-22, T-24: by a static token ends its session and no other", async () => {
      const first = await gate.login("ada", "TOKEN");
      const second = await gate.login("ada", "TOKEN");
      const { data } = await gate.logout({ authorization: first.authorization });
      expect(data.logout).toEqual({
        message: "Logout successful, token deleted",
        sessionsEnded: 1,
      });
      const refused = await gate.me(first.authorization);
      expect(refused).toMatchObject({
        status: 401,
        code: "UNAUTHENTICATED",
        reason: "token_revoked",
      });
      expect((await gate.me(second.authorization)).data.me.username).toBe("ada");
    });

    test.each(["access", "refresh"] as const)(
      "A-17, B-15: by the %s token ends the session, so that its access and refresh tokens are refused at once",
      async (name) => {
        const { access, refresh, authorization } = await gate.login("ada");
        const { data } = await gate.logout(name === "access" ? { authorization } : { refresh });
        expect(data.logout).toEqual({
          message: "Logout successful, token blacklisted",
          sessionsEnded: 1,
        });
        expect(await gate.me(authorization)).toMatchObject({
          status: 401,
          reason: "token_revoked",
        });
        expect(await gate.refresh(refresh)).toMatchObject({ status: 401, reason: "token_revoked" });
        for (const token of [access, refresh]) {
          expect((await gate.verify(token)).data.verifyToken.active).toBe(false);
        }
      },
    );

    test("B-17, RF-13: succeeds and ends nothing when it is repeated or the token has expired", async () => {
      const { refresh, authorization } = await gate.login("ada");
      await gate.logout({ refresh });
      expect((await gate.logout({ refresh })).data.logout.sessionsEnded).toBe(0);
      expect((await gate.logout({ authorization })).data.logout.sessionsEnded).toBe(0);
      const late = await gate.login("ada");
      gate.advance(31 * 86_400);
      expect((await gate.logout({ refresh: late.refresh })).data.logout.sessionsEnded).toBe(0);
      expect((await gate.logout(late)).data.logout.sessionsEnded).toBe(0);
    });

    test("by an expired access token ends its session, so that the refresh token is refused too", async () => {
      const { refresh, authorization } = await gate.login("ada");
      gate.advance(3600);
      expect((await gate.logout({ authorization })).data.logout.sessionsEnded).toBe(1);
      expect((await gate.refresh(refresh)).reason).toBe("token_revoked");
    });

    test("B-18: with an access token as the refresh token is token_wrong_type", async () => {
      const { access, authorization } = await gate.login("ada");
      const answer = await gate.logout({ refresh: access });
      expect(answer).toMatchObject({ status: 401, reason: "token_wrong_type" });
      expect((await gate.me(authorization)).status).toBe(200);
    });

    test("RF-13: with another user's refresh token beside the caller's own header ends nothing", async () => {
      const ada = await gate.login("ada");
      const eve = await gate.login("eve");
      const answer = await gate.logout({ refresh: ada.refresh, authorization: eve.authorization });
      expect(answer).toMatchObject({ status: 401, reason: "token_not_valid" });
      expect((await gate.me(ada.authorization)).data.me.username).toBe("ada");
      expect((await gate.me(eve.authorization)).data.me.username).toBe("eve");
    });

    test("gives no_credentials without a credential, and the credential's own reason with a bad one", async () => {
      expect(await gate.logout({})).toMatchObject({ status: 401, reason: "no_credentials" });
      const bad = [
        ["Bearer", "bad_authorization_header"],
        ["Bearer nonsense", "token_not_valid"],
        ["Token nonsense", "token_not_valid"],
      ] as const;
      for (const [authorization, reason] of bad) {
        expect(await gate.logout({ authorization })).toMatchObject({ status: 401, reason });
      }
      const answer = await gate.logout({ refresh: "nonsense" });
      expect(answer).toMatchObject({ code: "UNAUTHENTICATED", reason: "token_not_valid" });
    });

    test("U-12: succeeds if a password change has already ended the session", async () => {
      const id = await gate.user("dan");
      const { refresh } = await gate.login("dan");
      await gate.auth.accounts.setPassword(id, "another correct horse");
      expect((await gate.logout({ refresh })).status).toBe(200);
      expect((await gate.refresh(refresh)).code).toBe("UNAUTHENTICATED");
    });

    test("B-17: by the static token of a deleted user succeeds and ends nothing", async () => {
      const id = await gate.user("fay");
      const { authorization } = await gate.issue(id, "TOKEN");
      await gate.auth.accounts.deleteUser(id);
      const { status, data } = await gate.logout({ authorization });
      expect([status, data.logout.sessionsEnded]).toEqual([200, 0]);
      expect(data.logout.message).toBe("Logout successful, token deleted");
    });

    test("LG-12: emits one event for the ended session", async () => {
      const { refresh, session } = await gate.login("ada");
      await gate.logout({ refresh });
      await gate.logout({ refresh });
      const ended = gate.events.filter(
        (event) => event.type === "session_ended" && event.sessionId === session.id,
      );
      expect(ended).toHaveLength(1);
    });
  });
});
