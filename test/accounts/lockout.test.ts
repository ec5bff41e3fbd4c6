import { beforeEach, describe, expect, test } from "@jest/globals";
import { createAuth, defineFeature, InvalidCredentials } from "../../src/index.js";
import { attempt, attemptByEmail, expectThrottled, REFUSED } from "../support/attempts.js";
import { ROOT, runCommand } from "../support/command.js";
import { type Answer, describeGates, PASSWORD } from "../support/gate.js";

const SECRET_KEY = "an example of a secret that is long enough";
const LIMIT = 3;
const NEXT = "another long and unused phrase";

describeGates({ secretKey: SECRET_KEY, loginFailureLimit: LIMIT }, (gate) => {
  let count = 0;
  let name: string;
  let id: string;

  beforeEach(async () => {
    name = `user${(count += 1)}`;
    id = await gate.user(name, { email: `${name}@example.com` });
  });

  /** Tries wrong passwords, and waits until they are counted. */
  async function fail(times: number): Promise<void> {
    for (let turn = 0; turn < times; turn += 1) {
      expect(await attempt(gate, name)).toMatchObject(REFUSED);
    }
    await gate.flush();
  }

  const locks = () =>
    gate.events.filter((event) => event.type === "account_locked" && event.userId === id);

  /** Returns the parts of a response that could distinguish one refusal from another. */
  const visible = ({ status, headers, text }: Answer) => ({
    status,
    text,
    headers: [...headers].filter(([key]) => key !== "date").sort(),
  });

  describe("an account with too many wrong passwords in a row", () => {
    test("LG-2, L-16: refuses the right password exactly as a wrong one, byte for byte", async () => {
      const wrong = visible(await attempt(gate, name));
      await fail(LIMIT - 1);
      expect(await attempt(gate, name, PASSWORD)).toMatchObject(REFUSED);
      expect(visible(await attempt(gate, name, PASSWORD))).toEqual(wrong);
      expect(visible(await attempt(gate, "nobody", PASSWORD))).toEqual(wrong);
    });

    test("LG-6: refuses the right password by user name and by e-mail address", async () => {
      await fail(1);
      for (let turn = 1; turn < LIMIT; turn += 1) {
        await attemptByEmail(gate, `${name}@example.com`);
      }
      await gate.flush();
      for (const answer of [
        await attemptByEmail(gate, `${name}@example.com`, PASSWORD),
        await attempt(gate, name, PASSWORD),
      ]) {
        expect(answer).toMatchObject(REFUSED);
      }
    });

    test.each([
      ["the account locked", 1, () => fail(1)],
      ["the password changed", 0, () => gate.auth.accounts.setPassword(id, NEXT)],
    ])(
      "LG-2: refuses a right password that was found right just before %s",
      async (_what, locked, meanwhile) => {
        await fail(LIMIT - 1);
        const feature = defineFeature({
          name: "meanwhile",
          create: () => ({ hooks: { beforeLogin: () => meanwhile().then(() => undefined) } }),
        });
        const auth = await createAuth({
          databaseUrl: gate.databaseUrl,
          secretKey: SECRET_KEY,
          loginFailureLimit: LIMIT,
          features: [feature],
        });
        try {
          const login = auth.authentication.login({ username: name }, PASSWORD);
          await expect(login).rejects.toThrow(InvalidCredentials);
        } finally {
          await auth.close();
        }
        expect(locks()).toHaveLength(locked);
        expect(await attempt(gate, name, PASSWORD)).toMatchObject(REFUSED);
      },
    );

    test.each(["locked", "inactive"])(
      "LG-1, LG-2: delays right passwords like wrong ones when it is %s, so that the delay reveals nothing",
      async (state) => {
        if (state === "locked") await fail(LIMIT);
        else await gate.auth.accounts.setActive(id, false);
        const strict = await gate.another({ loginFailuresPerAccount: 2 });
        for (let turn = 0; turn < 2; turn += 1) {
          expect(await attempt(strict, name, PASSWORD)).toMatchObject(REFUSED);
        }
        expectThrottled(await attempt(strict, name, PASSWORD), 1);
      },
    );

    test("LG-2: stays locked however long it waits", async () => {
      await fail(LIMIT);
      gate.advance(365 * 86_400);
      expect(await attempt(gate, name, PASSWORD)).toMatchObject(REFUSED);
    });

    test("LG-12: is reported in one event, however many attempts follow", async () => {
      await fail(LIMIT - 1);
      expect(locks()).toEqual([]);
      await fail(1);
      expect(locks()).toEqual([{ type: "account_locked", userId: id }]);
      await fail(2);
      await attempt(gate, name, PASSWORD);
      expect(locks()).toHaveLength(1);
    });

    test("LG-7: keeps its sessions, which can still be refreshed", async () => {
      const { authorization, refresh } = await gate.login(name);
      await fail(LIMIT);
      expect(await attempt(gate, name, PASSWORD)).toMatchObject(REFUSED);
      expect((await gate.me(authorization)).data.me.username).toBe(name);
      const { data } = await gate.refresh(refresh);
      expect((await gate.me(`Bearer ${data.refreshToken.access}`)).status).toBe(200);
    });

    test("LG-2: is unlocked by accounts.unlock, which allows as many attempts as before", async () => {
      const { accounts } = gate.auth;
      for (const login of [{ username: name.toUpperCase() }, { email: `${name}@EXAMPLE.com` }]) {
        await fail(LIMIT);
        expect(await attempt(gate, name, PASSWORD)).toMatchObject(REFUSED);
        await accounts.unlock((await accounts.findUser(login))!);
        expect((await attempt(gate, name, PASSWORD)).status).toBe(200);
      }
      await expect(accounts.unlock("0".repeat(32))).rejects.toMatchObject({
        code: "BAD_USER_INPUT",
      });
    });

    test("LG-2: is unlocked by a new password, and the old one no longer works", async () => {
      await fail(LIMIT);
      await gate.auth.accounts.setPassword(id, NEXT);
      expect(await attempt(gate, name, PASSWORD)).toMatchObject(REFUSED);
      expect((await attempt(gate, name, NEXT)).status).toBe(200);
    });

    test("LG-2: is unlocked by `gatehouse unlock`, which refuses an unknown name", async () => {
      await fail(LIMIT);
      const env = { SECRET_KEY, DATABASE_URL: gate.databaseUrl };
      const unlock = (who: string) => runCommand(["unlock", who], { cwd: ROOT, env });
      const done = await unlock(name);
      expect({ code: done.code, stderr: done.stderr }).toEqual({ code: 0, stderr: "" });
      expect((await attempt(gate, name, PASSWORD)).status).toBe(200);
      const nobody = await unlock("nobody");
      expect([nobody.code, nobody.stdout]).not.toContain(0);
      expect(nobody.stderr).toMatch(/^\S.*\n$/);
    });
  });

  test("LG-2: a right password before the limit resets the count", async () => {
    for (let turn = 0; turn < 2; turn += 1) {
      await fail(LIMIT - 1);
      expect((await attempt(gate, name, PASSWORD)).status).toBe(200);
    }
    expect(locks()).toEqual([]);
  });

  test("LG-2: concurrent wrong passwords are all counted", async () => {
    await Promise.all(Array.from({ length: LIMIT }, () => attempt(gate, name)));
    await gate.flush();
    expect(await attempt(gate, name, PASSWORD)).toMatchObject(REFUSED);
    expect(locks()).toHaveLength(1);
  });
});
