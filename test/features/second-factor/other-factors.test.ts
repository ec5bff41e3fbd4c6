import { beforeEach, describe, expect, test } from "@jest/globals";
import { BadUserInput } from "../../../src/errors.js";
import { defineFeature } from "../../../src/features/feature.js";
import { type Factor, secondFactor } from "../../../src/features/second-factor/index.js";
import { describeGates } from "../../support/gate.js";
import { challengeOf, complete, enrolled, login, newName, tokenIn } from "./calls.js";

/** The users with a key, and whether it is their only way to log in. */
const keys = new Map<string, { isOnly: boolean }>();

/** Imitates a factor that another feature adds, as passkeys do. */
const key: Factor = {
  name: "passkey",
  // The database has no keys here, so a user's name tells whether the user has one.
  isEnrolled: "u.username LIKE 'key%'",
  excludedBy: ["hwk"],
  requireWellFormed: (answer) => {
    if (typeof answer !== "object") throw new BadUserInput("passkey must be an object.");
  },
  verify: (userId, answer) => {
    const isRight = keys.has(userId) && (answer as { signature: unknown }).signature === "right";
    return Promise.resolve(isRight ? ["hwk"] : null);
  },
  remove: (_run, userId) =>
    Promise.resolve(keys.get(userId)?.isOnly === false && keys.delete(userId)),
};

const keysFeature = defineFeature({
  name: "keys",
  uses: ["second-factor"],
  create: (_core, _config, apiOf) => {
    apiOf.ifOn(secondFactor)?.secondFactors.register(key);
    return {};
  },
});

describeGates({ secondFactor: "optional", features: [keysFeature] }, (gate) => {
  let name: string;
  let id: string;

  beforeEach(async () => {
    name = `key-${newName()}`;
    id = await gate.user(name);
    keys.set(id, { isOnly: false });
  });

  describe("a factor of another feature", () => {
    test("is offered, and completes a login", async () => {
      const refused = await login(gate, name);
      expect(refused.errors?.[0]?.extensions["challenge"].factors).toEqual(["passkey"]);
      const challenge = tokenIn(refused);
      const wrong = await complete(gate, challenge, { passkey: { signature: "wrong" } });
      expect(wrong.reason).toBe("code_not_valid");
      expect((await complete(gate, challenge, { passkey: "text" })).code).toBe("BAD_USER_INPUT");
      const { data } = await complete(gate, challenge, { passkey: { signature: "right" } });
      expect(data.completeLogin.session.methods).toEqual(["pwd", "hwk", "mfa"]);
    });

    test("is not a second step after a login by that factor, or after a login by two factors", async () => {
      const { authentication } = gate.core;
      for (const methods of [["hwk"], ["hwk", "user", "mfa"]] as const) {
        expect((await authentication.signIn(id, { methods })).access).not.toBeNull();
      }
      await expect(authentication.signIn(id, { methods: ["fed"] })).rejects.toMatchObject({
        reason: "second_factor_required",
      });
    });
  });

  describe("gatehouse remove-second-factor", () => {
    const run = async (username: string) => {
      const [command] = secondFactor.commands ?? [];
      const printed: string[] = [];
      const print = (line: string) => void printed.push(line);
      await command?.run(gate.core, {} as never, [username], print, {}, gate.auth);
      return printed;
    };

    test("removes the factors of a user", async () => {
      const ada = await enrolled(gate);
      expect(await run(ada.name)).toEqual([`${ada.name} can log in without a second factor now.`]);
      expect((await login(gate, ada.name)).status).toBe(200);
      const [{ total }] = await gate.sql(
        "SELECT count(*) AS total FROM recovery_code WHERE user_id = ?",
        [ada.id],
      );
      expect(Number(total)).toBe(0);
      await expect(run(ada.name)).rejects.toThrow("The user has no second factor");
      await expect(run("nobody")).rejects.toThrow("There is no such user.");
    });

    test("leaves a factor that is the only way to log in", async () => {
      keys.set(id, { isOnly: true });
      await expect(run(name)).rejects.toThrow("The user has no second factor that can be removed.");
      expect(await challengeOf(gate, name)).toMatch(/^[\w-]{43}$/);
    });
  });
});
