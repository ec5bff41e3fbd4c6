import { describe, expect, test } from "@jest/globals";
import { openAuth } from "../../src/auth.js";
import { resolveConfig } from "../../src/config/auth-config.js";
import { generateSecretKey } from "../../src/keys/secret-key.js";
import { decode, forge } from "../support/forge.js";
import { describeFreshGates, type Gate } from "../support/gate.js";

const NOT_VALID = { status: 401, code: "UNAUTHENTICATED", reason: "token_not_valid" };

describeFreshGates((gate) => {
  /** Sends an access token that names an unknown key. */
  async function presentUnknown(at: Gate) {
    const { access } = await gate.issue(await gate.user("eve"));
    const { header, claims } = decode(access);
    const key = gate.core.keys.ring.current;
    return at.me(`Bearer ${forge(key, { ...header, kid: "0123456789abcdef" }, claims)}`);
  }

  /** Opens the services of another server. Returns them with a list of the errors that they report. */
  async function openAnother() {
    const faults: unknown[] = [];
    const { databaseUrl, secretKey } = gate;
    const config = resolveConfig({ databaseUrl, secretKey, now: () => gate.now }, []);
    const { auth, core } = await openAuth(config, [], (fault) => faults.push(fault));
    return { faults, core, close: () => auth.close() };
  }

  /** Opens another server, lets it read the keys three more times, and returns the errors that it reports. */
  async function faultsOfAStart(): Promise<unknown[]> {
    const { faults, core, close } = await openAnother();
    for (let turn = 0; turn < 3; turn += 1) await core.keys.reload();
    await close();
    return faults;
  }

  describe("a database in which every key is revoked", () => {
    test("leaves a running server its keys, and is reported once", async () => {
      const { faults, core, close } = await openAnother();
      const { kid } = core.keys.ring.current;
      await gate.sql("UPDATE signing_key SET revoked_at = 1");
      for (let turn = 0; turn < 2; turn += 1) await core.keys.reload();
      expect(faults).toEqual([new TypeError("No key is active.")]);
      expect(core.keys.ring.current.kid).toBe(kid);
      await close();
    });
  });

  describe("the next key", () => {
    test("J-15: is refused until it is active, or until the leeway before that", async () => {
      const { access } = await gate.issue(await gate.user("ada"));
      const { header, claims } = decode(access);
      const { kid, activatesAt } = await gate.auth.keys.rotate();
      const key = gate.core.keys.ring.find(kid)!;
      const present = () => {
        const iat = Math.floor(gate.now / 1000);
        return gate.me(
          `Bearer ${forge(key, { ...header, kid }, { ...claims, iat, exp: iat + 300 })}`,
        );
      };
      expect(await present()).toMatchObject(NOT_VALID);
      gate.advance((activatesAt - gate.now) / 1000 - 5.001);
      expect(await present()).toMatchObject(NOT_VALID);
      gate.advance(0.001);
      expect((await present()).status).toBe(200);
    });
  });

  describe("a key row that cannot be read", () => {
    const DAMAGE: [name: string, set: string][] = [
      ["is damaged", "sealed_key = 'damaged'"],
      ["is sealed for another algorithm", "algorithm = 'RS256'"],
      ["has an unknown algorithm", "algorithm = 'none'"],
      ["is symmetric beside others that are not", "algorithm = 'HS256'"],
    ];

    test.each(DAMAGE)(
      "because it %s causes no internal error in a running server, and can be revoked",
      async (_name, set) => {
        const { kid } = await gate.auth.keys.rotate();
        const tokens = await gate.issue(await gate.user("ada"));
        await gate.sql(`UPDATE signing_key SET ${set} WHERE kid = ?`, [kid]);
        gate.advance(2);
        expect(await presentUnknown(gate)).toMatchObject(NOT_VALID);
        const started = await gate.another();
        for (const at of [gate, started])
          expect((await at.me(tokens.authorization)).status).toBe(200);
        await started.auth.keys.revoke(kid);
        expect(await faultsOfAStart()).toEqual([]);
      },
    );

    test("and is the only key stops the start with one line", async () => {
      await gate.sql("UPDATE signing_key SET algorithm = 'no.256'");
      const [{ kid }] = await gate.sql("SELECT kid FROM signing_key");
      await expect(gate.another()).rejects.toThrow(
        `The signing key ${kid} in the database cannot be read, so the tokens that it signed are refused: The key ${kid} is too short for no.256, or of the wrong type. Restore its row, or revoke it with: gatehouse rotate-keys --revoke ${kid}`,
      );
    });

    test("and is the only key leaves a running server its keys, and causes one report", async () => {
      const { authorization } = await gate.issue(await gate.user("ada"));
      const { faults, core, close } = await openAnother();
      await gate.sql("UPDATE signing_key SET sealed_key = 'damaged'");
      for (let turn = 0; turn < 2; turn += 1) await core.keys.reload();
      expect(faults).toEqual([expect.objectContaining({ name: "KeyUnreadable" })]);
      await close();
      await gate.core.keys.reload();
      expect((await gate.me(authorization)).status).toBe(200);
    });

    test("does not stop a change of the root secret", async () => {
      const { kid } = await gate.auth.keys.rotate();
      await gate.sql("UPDATE signing_key SET sealed_key = 'damaged' WHERE kid = ?", [kid]);
      const { authorization } = await gate.issue(await gate.user("ada"));
      const next = generateSecretKey();
      await gate.another({ secretKey: [next, gate.secretKey] });
      const started = await gate.another({ secretKey: next });
      expect((await started.me(authorization)).status).toBe(200);
    });

    test("is reported once by a server, however often it reads the keys", async () => {
      const { kid } = await gate.auth.keys.rotate();
      await gate.sql("UPDATE signing_key SET sealed_key = 'damaged' WHERE kid = ?", [kid]);
      const faults = await faultsOfAStart();
      expect(faults).toEqual([expect.objectContaining({ name: "KeyUnreadable" })]);
      expect(String(faults[0])).toContain(kid);
    });
  });
});
