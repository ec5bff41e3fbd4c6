import { createHash } from "node:crypto";
import { inspect } from "node:util";
import { crc32 } from "node:zlib";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { generateStaticToken, parseStaticToken } from "../../src/tokens/static-token.js";
import { describeGates } from "../support/gate.js";

const SESSION_ID = "0123456789abcdef0123456789abcdef";
const NOT_VALID = { status: 401, code: "UNAUTHENTICATED", reason: "token_not_valid" };

describeGates((gate) => {
  beforeAll(async () => {
    await gate.user("ada");
  });

  const sessionRow = async (id: string) =>
    (await gate.sql(`SELECT * FROM session WHERE id = ?`, [id]))[0];

  describe("a static token", () => {
    test("T-13, T-14: has a fixed length and alphabet, a recognisable prefix, 256 random bits and a checksum", () => {
      const { token, secretHash } = generateStaticToken(SESSION_ID);
      expect(token).toMatch(/^gth_[0-9a-f]{32}_[0-9A-Za-z]{43}[0-9A-Za-z]{6}$/);
      expect(43 * Math.log2(62)).toBeGreaterThanOrEqual(256);
      const secret = token.slice(37, 80);
      expect(secretHash).toBe(createHash("sha256").update(secret).digest("hex"));
      expect(parseStaticToken(token)).toEqual({ sessionId: SESSION_ID, secret });
    });

    test("T-13: its checksum is the CRC-32 in base62, least significant digit first", () => {
      const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
      for (let count = 0; count < 20; count += 1) {
        const { token } = generateStaticToken(SESSION_ID);
        const value = token
          .slice(-6)
          .split("")
          .reduceRight((sum, digit) => sum * 62 + digits.indexOf(digit), 0);
        expect(value).toBe(crc32(token.slice(0, -6)));
      }
    });

    test("T-16: ten in a row differ, and none repeats one character only", () => {
      const tokens = Array.from({ length: 10 }, () => generateStaticToken(SESSION_ID).token);
      expect(new Set(tokens).size).toBe(10);
      for (const token of tokens) expect(new Set(token.slice(37)).size).toBeGreaterThan(10);
    });

    test("T-06, T-07: each login gives a new token, and the others stay valid", async () => {
      const first = await gate.login("ada", "TOKEN");
      const second = await gate.login("ada", "TOKEN");
      expect(second.token).not.toBe(first.token);
      expect(second.session.id).not.toBe(first.session.id);
      for (const { authorization } of [first, second]) {
        expect((await gate.me(authorization)).data.me.username).toBe("ada");
      }
    });

    test("T-02: a well-formed token that was never issued is refused", async () => {
      const { token } = generateStaticToken(SESSION_ID);
      expect(await gate.me(`Token ${token}`)).toMatchObject(NOT_VALID);
    });

    test("T-02: the id of a live session with another secret is refused", async () => {
      const { session } = await gate.login("ada", "TOKEN");
      const { token } = generateStaticToken(session.id);
      expect(await gate.me(`Token ${token}`)).toMatchObject(NOT_VALID);
    });

    test("T-03: is refused without a look-up if it is cut, lengthened, mistyped or in another case", async () => {
      const { token } = await gate.login("ada", "TOKEN");
      const swapped = token.at(40) === "A" ? "B" : "A";
      const bad = [
        "g",
        "gth_",
        "gth__",
        token.slice(0, 10),
        token.slice(0, -1),
        `${token}0`,
        `${token}=`,
        token.slice(1),
        token.toUpperCase(),
        token.replace("gth_", "GTH_"),
        token.slice(0, 40) + swapped + token.slice(41),
      ];
      const statements = await gate.countStatements(async () => {
        for (const text of bad) expect(await gate.me(`Token ${text}`)).toMatchObject(NOT_VALID);
      });
      expect(statements).toBe(0);
    });

    test("ST-6: is refused with the scheme Bearer, and so is a JWT with the scheme Token", async () => {
      const { token } = await gate.login("ada", "TOKEN");
      const { access, refresh } = await gate.login("ada", "JWT");
      expect((await gate.me(`Bearer ${token}`)).reason).toBe("token_wrong_type");
      for (const jwt of [access, refresh]) {
        expect(await gate.me(`Token ${jwt}`)).toMatchObject({
          status: 401,
          code: "UNAUTHENTICATED",
        });
      }
    });

    test("T-04, U-02: is user_inactive while its user is inactive, and revoked once the user is active again", async () => {
      const id = await gate.user("bob");
      const { authorization } = await gate.login("bob", "TOKEN");
      await gate.auth.accounts.setActive(id, false);
      const answer = await gate.me(authorization);
      expect(answer).toMatchObject({ code: "UNAUTHENTICATED", reason: "user_inactive" });
      await gate.auth.accounts.setActive(id, true);
      expect((await gate.me(authorization)).reason).toBe("token_revoked");
    });

    test("T-34: is deleted with its user", async () => {
      const id = await gate.user("cyd");
      const { authorization, session } = await gate.login("cyd", "TOKEN");
      await gate.auth.accounts.deleteUser(id);
      expect(await gate.me(authorization)).toMatchObject({ status: 401, code: "UNAUTHENTICATED" });
      expect(await sessionRow(session.id)).toBeUndefined();
    });

    test("T-26: costs one statement even if the user has ten expired tokens, and deletes none of them", async () => {
      const id = await gate.user("dan");
      for (let login = 0; login < 10; login += 1) await gate.login("dan", "TOKEN");
      await gate.sql(`UPDATE session SET expires_at = 1 WHERE user_id = ?`, [id]);
      const { authorization } = await gate.login("dan", "TOKEN");
      expect(await gate.countStatements(() => gate.me(authorization))).toBe(1);
      const [{ count }] = await gate.sql(
        `SELECT count(*) AS count FROM session WHERE user_id = ?`,
        [id],
      );
      expect(Number(count)).toBe(11);
    });
  });

  describe("the row of a static token", () => {
    test("T-17: cannot be overwritten by another row with the same id", async () => {
      const { session, authorization } = await gate.login("ada", "TOKEN");
      const before = await sessionRow(session.id);
      const again = gate.sql(
        `INSERT INTO session (id, user_id, scheme, label, secret_hash, credentials_version, created_at, rotated_at)
         VALUES (?, ?, 'TOKEN', 'stolen', ?, 0, 1, 1)`,
        [session.id, before.user_id, "0".repeat(64)],
      );
      await expect(again).rejects.toThrow(/unique constraint/i);
      expect(await sessionRow(session.id)).toEqual(before);
      expect((await gate.me(authorization)).status).toBe(200);
    });

    test("T-18: cannot lose its id, and its token is refused when the hash is lost", async () => {
      const { session, token, authorization } = await gate.login("ada", "TOKEN");
      const clearId = `UPDATE session SET id = NULL WHERE id = ?`;
      await expect(gate.sql(clearId, [session.id])).rejects.toThrow(/not.null/i);
      expect((await gate.me(authorization)).status).toBe(200);
      for (const hash of ["NULL", "''"]) {
        const clearHash = `UPDATE session SET secret_hash = ${hash} WHERE id = ?`;
        await gate.sql(clearHash, [session.id]);
        expect(await gate.me(`Token ${token}`)).toMatchObject(NOT_VALID);
      }
    });

    test("T-19: keeps its hash when the token is used", async () => {
      const { session, authorization } = await gate.login("ada", "TOKEN");
      const before = await sessionRow(session.id);
      await gate.me(authorization);
      await gate.verify(authorization.slice("Token ".length));
      expect((await sessionRow(session.id)).secret_hash).toBe(before.secret_hash);
    });

    test("T-20: reveals neither its secret nor its hash in the context and the events", async () => {
      const { token, authorization, session } = await gate.login("ada", "TOKEN");
      const { user } = await gate.auth.createContext({ headers: { authorization } });
      const { secret_hash: hash } = await sessionRow(session.id);
      const printed = inspect([user, gate.events], { depth: 9, showHidden: true });
      expect(printed).toContain(session.id);
      expect(printed).not.toContain(token.slice(37, 80));
      expect(printed).not.toContain(hash);
      expect(JSON.stringify([user, gate.events])).not.toContain(hash);
    });
  });
});
