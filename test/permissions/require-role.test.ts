import { beforeAll, describe, expect, test } from "@jest/globals";
import { requireRole } from "../../src/index.js";
import { setUpGate } from "../support/gate.js";

describe.each(["stateful", "stateless"] as const)(
  "requireRole, where bearerCheck is %s",
  (mode) => {
    const gate = setUpGate(mode === "stateless" ? { bearerCheck: "stateless" } : {});

    beforeAll(async () => {
      await gate.user("ada", { role: "ADMIN" });
      await gate.user("bob");
    });

    async function contextOf(username: string) {
      const { authorization } = await gate.login(username);
      return gate.auth.createContext({ headers: { authorization } });
    }

    test("G-04: resolves for a user whose role is high enough", async () => {
      const [admin, user] = [await contextOf("ada"), await contextOf("bob")];
      await expect(requireRole(admin, "ADMIN")).resolves.toBeUndefined();
      await expect(requireRole(admin, "USER")).resolves.toBeUndefined();
      await expect(requireRole(user, "USER")).resolves.toBeUndefined();
    });

    test("G-05: rejects a user whose role is too low, and audits it", async () => {
      const user = await contextOf("bob");
      gate.events.length = 0;
      await expect(requireRole(user, "ADMIN")).rejects.toMatchObject({
        code: "FORBIDDEN",
        reason: "role_required",
      });
      expect(gate.events).toEqual([
        { type: "role_denied", userId: user.user?.id, required: "ADMIN" },
      ]);
    });

    test("G-02, G-07: rejects anonymous callers, with the reason of their credential", async () => {
      const headers = { authorization: "Token nonsense" };
      const lookAlike = { user: { id: "1", role: "ADMIN" } as never };
      for (const [context, reason] of [
        [undefined, "no_credentials"],
        [{}, "no_credentials"],
        [lookAlike, "no_credentials"],
        [await gate.auth.createContext(), "no_credentials"],
        [await gate.auth.createContext({ headers }), "token_not_valid"],
      ] as const) {
        await expect(requireRole(context, "USER")).rejects.toMatchObject({ reason });
      }
    });

    test("always returns a promise, so that a linter finds a forgotten await", async () => {
      for (const context of [undefined, await contextOf("ada"), await contextOf("bob")]) {
        for (const role of ["USER", "ADMIN"] as const) {
          const check = requireRole(context, role);
          expect(check).toBeInstanceOf(Promise);
          await check.catch(() => undefined);
        }
      }
    });

    test("G-02: rejects a user whose context cannot load the role", async () => {
      const { user } = await contextOf("bob");
      await expect(requireRole({ user }, "ADMIN")).rejects.toMatchObject({
        code: mode === "stateless" ? "UNAUTHENTICATED" : "FORBIDDEN",
      });
    });
  },
);
