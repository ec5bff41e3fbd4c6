import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { describeGates, type Tokens } from "../support/gate.js";

const USERS = 100;
/** The number of users that sign in at the same time. */
const BATCH = 10;

describeGates((gate, database) => {
  let passwords: string[];
  let jwt: Tokens[];
  let fixed: Tokens[];
  /** Every value of every column of every table, and the bytes of the files. */
  let stored: Buffer;

  beforeAll(async () => {
    const users = Array.from({ length: USERS }, (_, index) => ({
      username: `user${index}`,
      password: `the password of user ${index} is ${(index * 7919).toString(36)} and long`,
    }));
    passwords = users.map(({ password }) => password);
    [jwt, fixed] = [[], []];
    for (let first = 0; first < USERS; first += BATCH) {
      const batch = users.slice(first, first + BATCH).map(async ({ username, password }) => {
        const id = await gate.user(username, { password });
        return {
          jwt: await gate.login(username, "JWT", password),
          fixed: await gate.issue(id, "TOKEN"),
        };
      });
      for (const tokens of await Promise.all(batch)) {
        jwt.push(tokens.jwt);
        fixed.push(tokens.fixed);
      }
    }
    for (const tokens of jwt.slice(0, 50)) await gate.refresh(tokens.refresh);
    for (const { authorization } of [...jwt.slice(0, 20), ...fixed.slice(0, 20)]) {
      await gate.logout({ authorization });
    }
    stored = Buffer.concat([await dump(), ...(await files())]);
  });

  async function dump(): Promise<Buffer> {
    const tables = await gate.sql(
      database === "sqlite"
        ? `SELECT name FROM sqlite_master WHERE type = 'table'`
        : `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'`,
    );
    const rows = await Promise.all(tables.map(({ name }) => gate.sql(`SELECT * FROM "${name}"`)));
    return Buffer.from(
      rows
        .flat()
        .flatMap((row) => Object.values(row))
        .map(String)
        .join("\n"),
    );
  }

  const files = () =>
    database === "sqlite"
      ? Promise.all(["", "-wal"].map((suffix) => readFile(`${gate.databasePath}${suffix}`)))
      : [];

  /** Returns the encodings in which a stored secret could still be used. */
  const spellings = (secret: string) => {
    const bytes = Buffer.from(secret);
    const hex = bytes.toString("hex");
    const base64 = bytes.toString("base64").replace(/=+$/, "");
    return [secret, hex, hex.toUpperCase(), base64, bytes.toString("base64url"), reverse(secret)];
  };

  const reverse = (text: string) => Array.from(text).reverse().join("");

  const foundOf = (secrets: string[]) =>
    secrets.filter((secret) => spellings(secret).some((spelling) => stored.includes(spelling)));

  describe("the database's columns and files", () => {
    test("hold names, session ids and hashes, which shows that this search finds texts", () => {
      expect(stored.includes("user99")).toBe(true);
      expect(jwt.every(({ session }) => stored.includes(session.id))).toBe(true);
      expect(stored.includes("$argon2id$")).toBe(true);
    });

    test("T-21, W1: hold none of 100 static tokens, neither the whole token nor its secret alone", () => {
      expect(foundOf(fixed.map(({ token }) => token))).toEqual([]);
      expect(foundOf(fixed.map(({ token }) => token.slice(37, 80)))).toEqual([]);
      expect(new Set(fixed.map(({ token }) => token)).size).toBe(USERS);
    });

    test("R-19, W14: hold none of 100 refresh and 100 access tokens, neither the whole token nor its signature alone", () => {
      const tokens = jwt.flatMap(({ access, refresh }) => [access, refresh]);
      expect(foundOf(tokens)).toEqual([]);
      expect(foundOf(tokens.map((token) => token.split(".")[2] ?? token))).toEqual([]);
    });

    test("hold none of 100 passwords", () => {
      expect(foundOf(passwords)).toEqual([]);
    });

    test("hold no private key unencrypted", () => {
      expect(stored.includes(`"d":"`)).toBe(false);
      expect(stored.includes("PRIVATE KEY")).toBe(false);
      expect(stored.includes(Buffer.from(`"kty":"EC"`).toString("base64url").slice(0, -2))).toBe(
        false,
      );
    });

    test("T-21: hold nothing that can be used as a static token", async () => {
      const rows = await gate.sql(
        `SELECT id, secret_hash AS hash FROM session WHERE secret_hash IS NOT NULL AND ended_at IS NULL`,
      );
      expect(rows.length).toBe(USERS - 20);
      const { id, hash } = rows[0];
      for (const text of [id, hash, `gth_${id}_${hash}`, `gth_${id}_${hash.slice(0, 49)}`]) {
        expect((await gate.me(`Token ${text}`)).code).toBe("UNAUTHENTICATED");
        expect((await gate.me(`Bearer ${text}`)).code).toBe("UNAUTHENTICATED");
      }
    });
  });
});
