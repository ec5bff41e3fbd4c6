import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { requireFresh, requireRole } from "../../src/index.js";
import { Gate } from "../support/gate.js";

/** Calls requireRole as an async resolver does. */
async function check(...call: Parameters<typeof requireRole>): Promise<void> {
  await requireRole(...call);
}

async function checkFresh(...call: Parameters<typeof requireFresh>): Promise<void> {
  await requireFresh(...call);
}

describe.each(["stateful", "stateless"] as const)(
  "requireRole, where bearerCheck is %s",
  (mode) => {
    let gate: Gate;

    beforeAll(async () => {
      gate = await Gate.open(mode === "stateless" ? { bearerCheck: "stateless" } : {});
      await gate.user("ada", { role: "ADMIN" });
      await gate.user("bob");
    });

    afterAll(() => gate.close());

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
      await expect(check(user, "ADMIN")).rejects.toMatchObject({
        code: "FORBIDDEN",
        reason: "role_required",
      });
      expect(gate.events).toEqual([
        { type: "role_denied", userId: user.user?.id, required: "ADMIN" },
      ]);
    });

    test("a password that is too old is audited in the same way as a role that is too low", async () => {
      const { authorization } = await gate.issue(
        (await gate.auth.accounts.findUser({ username: "bob" }))!.id,
      );
      const user = await gate.auth.createContext({ headers: { authorization } });
      gate.events.length = 0;
      await expect(checkFresh(user, "15m")).rejects.toMatchObject({
        reason: "reauthentication_required",
      });
      expect(gate.events).toEqual([
        { type: "freshness_denied", userId: user.user?.id, freshWithin: "15m" },
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
        await expect(check(context, "USER")).rejects.toMatchObject({ reason });
      }
    });

    test("returns a promise unless it refuses at once, so that a linter finds a forgotten await", async () => {
      const admin = await contextOf("ada");
      for (const role of ["USER", "ADMIN"] as const) {
        expect(requireRole(admin, role)).toBeInstanceOf(Promise);
      }
    });

    test("G-05: a forgotten await does not end the process, and a refusal that needs no query is thrown at once", async () => {
      const [user, warning] = [await contextOf("bob"), jest.spyOn(process, "emitWarning")];
      warning.mockImplementation(() => undefined);
      const isKnown = mode === "stateful";
      try {
        expect(() => void requireRole(undefined, "USER")).toThrow();
        const call = expect(() => void requireRole(user, "ADMIN"));
        (isKnown ? call : call.not).toThrow();
        await user.loadUser();
        await new Promise((resolve) => setImmediate(resolve));
        expect(warning.mock.calls.map(([text]) => text)).toEqual(
          isKnown ? [] : ["requireRole was not awaited, so its refusal stopped nothing."],
        );
        warning.mockClear();
        await expect(check(user, "ADMIN")).rejects.toMatchObject({ reason: "role_required" });
        expect(warning).not.toHaveBeenCalled();
      } finally {
        warning.mockRestore();
      }
    });

    test("G-02: rejects a user whose context cannot load the role", async () => {
      const { user } = await contextOf("bob");
      await expect(check({ user }, "ADMIN")).rejects.toMatchObject({
        code: mode === "stateless" ? "UNAUTHENTICATED" : "FORBIDDEN",
      });
    });
  },
);
