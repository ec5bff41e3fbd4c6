import { beforeEach, describe, expect, test } from "@jest/globals";
import { NO_CLIENT } from "../../src/events.js";
import { defineFeature, Vetoed } from "../../src/index.js";
import type { AuthMethod } from "../../src/sessions/methods.js";
import { decode } from "../support/forge.js";
import { describeGates, type Gate, PASSWORD } from "../support/gate.js";

const attempts: unknown[] = [];
let isVetoed = false;

const spy = defineFeature({
  name: "spy",
  create: () => ({
    hooks: {
      beforeLogin: (_user, _client, attempt) => {
        attempts.push(attempt);
        if (isVetoed) throw new Vetoed("Logins are closed.");
      },
    },
  }),
});

beforeEach(() => {
  attempts.length = 0;
  isVetoed = false;
});

const METHODS = "{ sessions { id methods isCurrent } }";

async function methodsOf(gate: Gate, authorization: string): Promise<unknown> {
  const { data } = await gate.ask(METHODS, { authorization });
  return data.sessions.find(({ isCurrent }: { isCurrent: boolean }) => isCurrent).methods;
}

const refused = { code: "UNAUTHENTICATED", reason: "invalid_credentials" };

describeGates({ features: [spy] }, (gate) => {
  let id: string;
  let names = 0;
  let username: string;

  beforeEach(async () => {
    username = `user${(names += 1)}`;
    id = await gate.user(username);
  });

  const signIn = (methods: readonly AuthMethod[], more = {}) =>
    gate.core.authentication.signIn(id, { methods, ...more });

  describe("how a session was opened", () => {
    test.each(["TOKEN", "JWT", "SLIDING"] as const)(
      "a login by password has the method pwd, which the hook beforeLogin also gets (%s)",
      async (scheme) => {
        const tokens = await gate.login(username, scheme);
        expect(attempts).toEqual([{ methods: ["pwd"], scheme }]);
        const authorization = tokens.access
          ? `Bearer ${tokens.access}`
          : `${scheme === "TOKEN" ? "Token" : "Bearer"} ${tokens.token}`;
        expect(await methodsOf(gate, authorization)).toEqual(["pwd"]);
      },
    );

    test("an access token has the methods in amr and the time in auth_time, and so does the next one", async () => {
      const loginAt = Math.floor(gate.now / 1000);
      const { access, refresh } = await gate.login(username);
      expect(decode(access).claims).toMatchObject({ amr: ["pwd"], auth_time: loginAt });
      gate.advance(60);
      const next = await gate.refresh(refresh);
      const { access: renewed } = next.data.refreshToken;
      expect(decode(renewed).claims).toMatchObject({ amr: ["pwd"], auth_time: loginAt });
    });

    test("a token that was issued without a login has neither", async () => {
      const { access } = await gate.issue(id);
      expect(decode(access).claims).not.toHaveProperty("amr");
      expect(decode(access).claims).not.toHaveProperty("auth_time");
      expect(await methodsOf(gate, `Bearer ${access}`)).toEqual([]);
    });

    test("a further proof adds its methods once, and keeps the earlier ones", async () => {
      const { access } = await gate.login(username);
      const sid = String(decode(access).claims["sid"]);
      const { sessions } = gate.core;
      for (const added of [["otp", "mfa"], [], ["otp", "mfa"], ["hwk", "mfa"]] as AuthMethod[][]) {
        expect(await sessions.recordAuthentication({ id: sid }, 0, added)).toBe(gate.now);
      }
      expect(await methodsOf(gate, `Bearer ${access}`)).toEqual(["pwd", "otp", "mfa", "hwk"]);
      const [row] = await gate.sql("SELECT methods FROM session WHERE id = ?", [sid]);
      expect(row.methods).toBe("pwd otp mfa hwk mfa");
    });

    test("a session of an earlier version has no methods, and gets those of a further proof", async () => {
      const { access } = await gate.login(username);
      const sid = String(decode(access).claims["sid"]);
      await gate.sql("UPDATE session SET methods = NULL WHERE id = ?", [sid]);
      expect(await methodsOf(gate, `Bearer ${access}`)).toEqual([]);
      await gate.core.sessions.recordAuthentication({ id: sid }, 0, ["pwd"]);
      expect(await methodsOf(gate, `Bearer ${access}`)).toEqual(["pwd"]);
    });
  });

  describe("a login by other means", () => {
    test("opens a session with the given methods and the current time, and records the login", async () => {
      const { access } = await signIn(["hwk", "user", "mfa"]);
      const claims = { amr: ["hwk", "user", "mfa"], auth_time: Math.floor(gate.now / 1000) };
      expect(decode(access!).claims).toMatchObject(claims);
      expect(attempts).toEqual([{ methods: ["hwk", "user", "mfa"], scheme: "JWT" }]);
      const [user] = await gate.sql(`SELECT last_login_at FROM "user" WHERE id = ?`, [id]);
      expect(Number(user.last_login_at)).toBe(gate.now);
    });

    test("is refused by a veto, and leaves no session", async () => {
      isVetoed = true;
      await expect(signIn(["fed"])).rejects.toMatchObject({ reason: "vetoed" });
      expect(await gate.auth.sessions.list(id)).toEqual([]);
    });

    test("is refused for an inactive and for an unknown user, and after a new password", async () => {
      const credentialsVersion = 0;
      await gate.auth.accounts.setPassword(id, "another correct horse battery");
      await expect(signIn(["pwd", "otp"], { credentialsVersion })).rejects.toMatchObject(refused);
      await gate.auth.accounts.setActive(id, false);
      await expect(signIn(["fed"])).rejects.toMatchObject(refused);
      id = "0".repeat(32);
      await expect(signIn(["fed"])).rejects.toMatchObject(refused);
    });

    test("resets the count of wrong passwords only if the right password was given too", async () => {
      const failures = async () => {
        const [user] = await gate.sql(`SELECT failed_logins FROM "user" WHERE id = ?`, [id]);
        return Number(user.failed_logins);
      };
      const account = (await gate.core.accounts.findAccountById(id))!;
      gate.core.attempts.recordFailure(account, NO_CLIENT);
      await gate.core.attempts.flush();
      await signIn(["hwk", "user", "mfa"]);
      expect(await failures()).toBe(1);
      await signIn(["pwd", "otp", "mfa"]);
      expect(await failures()).toBe(0);
      await gate.auth.authentication.login({ username }, PASSWORD);
    });
  });
});
