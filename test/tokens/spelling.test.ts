import { randomBytes } from "node:crypto";
import { afterEach, describe, expect, test } from "@jest/globals";
import { Gate } from "../support/gate.js";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/** The order of the curve P-256. */
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

let gate: Gate;

afterEach(() => gate.close());

/** Returns other texts that a lax decoder reads as the same three segments. */
function otherSpellings(token: string): string[] {
  const lowBits = [1, 2, 3].flatMap((bits) =>
    token.split(".").map((segment, index, segments) => {
      const last = ALPHABET.indexOf(segment.at(-1) ?? "");
      const other = segment.slice(0, -1) + ALPHABET.charAt(last ^ bits);
      return segments.with(index, other).join(".");
    }),
  );
  const segments = token.split(".");
  const padded = segments.map((segment, index) => segments.with(index, `${segment}=`).join("."));
  const standard = token.replaceAll("-", "+").replaceAll("_", "/");
  return [
    ...lowBits,
    ...padded,
    `${token}=`,
    `${token}==`,
    `${token}.`,
    `${token}.x`,
    `.${token}`,
    standard,
  ].filter((text) => text !== token);
}

/** Returns the token with n - s in place of the s of its ECDSA signature. This signature is valid too. */
function twinOf(token: string): string {
  const [header, payload, signature = ""] = token.split(".");
  const bytes = Buffer.from(signature, "base64url");
  const s = BigInt(`0x${bytes.subarray(32).toString("hex")}`);
  const twin = Buffer.from((N - s).toString(16).padStart(64, "0"), "hex");
  const other = Buffer.concat([bytes.subarray(0, 32), twin]).toString("base64url");
  return `${header}.${payload}.${other}`;
}

describe("another spelling of a valid token", () => {
  test.each(["ES256", "RS256", "PS256", "HS256"] as const)(
    "JW-12: signed with %s is refused: unused bits, padding, the other base64 alphabet, an additional segment",
    async (jwtAlgorithm) => {
      gate = await Gate.open({ jwtAlgorithm, secretKey: randomBytes(32).toString("hex") });
      await gate.user("ada");
      const { access, refresh, authorization } = await gate.login("ada");
      expect((await gate.me(authorization)).status).toBe(200);
      for (const spelling of otherSpellings(access)) {
        const answer = await gate.me(`Bearer ${spelling}`);
        expect([answer.status, answer.code]).toEqual([401, "UNAUTHENTICATED"]);
        expect((await gate.verify(spelling)).data.verifyToken.active).toBe(false);
      }
      for (const spelling of otherSpellings(refresh)) {
        expect((await gate.refresh(spelling)).reason).toBe("token_not_valid");
      }
      expect((await gate.refresh(refresh)).status).toBe(200);
    },
  );

  test("JW-12, A-17: a token with the other valid ES256 signature is refused after the logout of the first", async () => {
    gate = await Gate.open();
    await gate.user("ada");
    const { access, authorization } = await gate.login("ada");
    const twin = `Bearer ${twinOf(access)}`;
    expect(twin).not.toBe(authorization);
    const before = await gate.me(twin);
    expect(before.data?.me.username ?? before.reason).toMatch(/^(ada|token_not_valid)$/);
    expect((await gate.logout({ authorization })).data.logout.sessionsEnded).toBe(1);
    const after = await gate.me(twin);
    expect(after).toMatchObject({ status: 401, code: "UNAUTHENTICATED" });
    expect(after.reason).toMatch(/^token_(revoked|not_valid)$/);
  });
});
