import { beforeEach, describe, expect, test } from "@jest/globals";
import { deriveKey, generateSecretKey, type Purpose } from "../../src/keys/secret-key.js";
import { describeFreshGates, type Gate, type Tokens } from "../support/gate.js";

const [OLD, NEW] = [generateSecretKey(), generateSecretKey()];

describeFreshGates({ secretKey: OLD }, (gate) => {
  let all: [jwt: Tokens, fixed: Tokens, sliding: Tokens];

  beforeEach(async () => {
    const id = await gate.user("ada");
    all = [
      await gate.issue(id, "JWT"),
      await gate.issue(id, "TOKEN"),
      await gate.issue(id, "SLIDING"),
    ];
  });

  /** Opens another server over the same database with this secret. */
  const restart = (secretKey: string | string[]): Promise<Gate> => gate.another({ secretKey });

  const storedKeys = () => gate.sql("SELECT kid, sealed_key FROM signing_key");

  describe("the root secret", () => {
    test("J-15: keeps every credential valid if it is a list [new, old]", async () => {
      const next = await restart([NEW, OLD]);
      const [jwt, , sliding] = all;
      for (const { authorization } of all) {
        expect((await next.me(authorization)).data?.me.username).toBe("ada");
      }
      const { data } = await next.refresh(jwt.refresh);
      expect((await next.me(`Bearer ${data.refreshToken.access}`)).status).toBe(200);
      const slid = (await next.refresh(sliding.token)).data.refreshToken.token;
      expect((await next.me(`Bearer ${slid}`)).status).toBe(200);
      // A client that lost the response gets the same token again.
      const again = await next.refresh(jwt.refresh);
      expect(again.data.refreshToken.refresh).toBe(data.refreshToken.refresh);
    });

    test("J-15: invalidates only the tokens of the old secret when the old one is dropped", async () => {
      const both = await restart([NEW, OLD]);
      const [jwt, fixed, sliding] = all;
      const { refresh, access } = (await both.refresh(jwt.refresh)).data.refreshToken;
      const late = await both.login("ada", "SLIDING");
      const only = await restart(NEW);
      for (const authorization of [
        `Bearer ${access}`,
        jwt.authorization,
        fixed.authorization,
        late.authorization,
      ]) {
        expect((await only.me(authorization)).data?.me.username).toBe("ada");
      }
      expect((await only.refresh(refresh)).status).toBe(200);
      expect((await only.refresh(late.token)).status).toBe(200);
      const refused = { status: 401, reason: "token_not_valid" };
      expect(await only.refresh(jwt.refresh)).toMatchObject(refused);
      expect(await only.me(sliding.authorization)).toMatchObject(refused);
    });

    test("J-15: seals the private keys again when it is new, and the old secret no longer opens them", async () => {
      const before = await storedKeys();
      await restart([NEW, OLD]);
      const after = await storedKeys();
      expect(after.map(({ kid }) => kid)).toEqual(before.map(({ kid }) => kid));
      expect(after[0].sealed_key).not.toBe(before[0].sealed_key);
      await expect(restart(OLD)).rejects.toThrow(TypeError);
      await restart(NEW);
      expect(await storedKeys()).toEqual(after);
    });

    test("J-18: stops the start if it is wrong, with one line that names the setting and contains no secret", async () => {
      const lost = generateSecretKey();
      const error: Error = await restart(lost).then(
        () => new Error("it started"),
        (refusal: unknown) => refusal as Error,
      );
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toMatch(/^secretKey: /);
      expect(error.message).not.toContain("\n");
      expect(error.message).not.toContain(lost);
      expect((await gate.me(all[0].authorization)).status).toBe(200);
    });

    test("J-18, R-19: seals every private key, and a sealed key cannot be moved to another row", async () => {
      await gate.auth.keys.rotate();
      const rows = await storedKeys();
      expect(rows).toHaveLength(2);
      for (const { sealed_key: sealed } of rows) {
        const bytes = Buffer.from(sealed, "base64url").toString("latin1");
        expect(bytes).not.toMatch(/"d":|"kty"|P-256/);
      }
      const [first, second] = rows;
      const move = "UPDATE signing_key SET sealed_key = ? WHERE kid = ?";
      await gate.sql(move, [second.sealed_key, first.kid]);
      await expect(restart(OLD)).rejects.toThrow(/^secretKey: /);
    });

    test.each(["", "secret", "x".repeat(31), "x".repeat(64), "abab".repeat(16)])(
      "J-17, JW-14: is refused at start if it is too short or not random: '%s'",
      async (secretKey) => {
        const error: Error = await restart(secretKey).then(
          () => new Error("it started"),
          (refusal: unknown) => refusal as Error,
        );
        expect(error).toBeInstanceOf(TypeError);
        expect(error.message).toMatch(/^secretKey: .*32/);
        await expect(restart([NEW, secretKey])).rejects.toThrow(TypeError);
      },
    );
  });
});

test.each<[Purpose, string]>([
  ["refresh-token", "uMBCz3FexgyCYEu5STjtA5msbOWdcS6sL1sjZAy2K5w"],
  ["key-sealing", "soEng1G8Y7RFDnBuN06dj84NZyudWQqF_HDimHZu8EU"],
  ["throttling", "5vNJ_gzlqWv4TxZBp0iQ_BVIaLlCh_Oy-NwMgSHMaOY"],
  ["audit", "wTxxC8UcJZoj9ZshY0ApsP-GiTJle5pT9wDYM66452M"],
])("each purpose has a separate key, which no later version changes: %s", (purpose, key) => {
  const derived = deriveKey("an example of a secret that is long enough", purpose);
  expect(derived.export().toString("base64url")).toBe(key);
});
