import { beforeAll, describe, expect, test } from "@jest/globals";
import { decode, signingInput } from "../support/forge.js";
import { type Answer, describeGates, setUpGate } from "../support/gate.js";

const KINDS = ["access", "refresh", "sliding", "static"] as const;
type Kind = (typeof KINDS)[number];

const INACTIVE = { active: false, scheme: null, tokenType: null, expiresAt: null, user: null };

/** Each place that takes a token, and the kinds it accepts. */
const TAKES = {
  Bearer: ["access", "sliding"],
  Token: ["static"],
  refreshToken: ["refresh", "sliding"],
  logout: ["refresh", "sliding"],
  verifyToken: KINDS,
} as const satisfies Record<string, readonly Kind[]>;
type Place = keyof typeof TAKES;
const PLACES = Object.keys(TAKES) as Place[];

/** The ways to turn a valid token into an invalid one. */
const FORMS: Record<string, (token: string) => string> = {
  "with another payload under the same signature": (token) => {
    const { header, claims } = split(token);
    if (claims === null) return token.slice(0, 40) + swap(token.charAt(40)) + token.slice(41);
    return `${signingInput(header, { ...claims, sub: "0".repeat(32) })}.${token.split(".")[2]!}`;
  },
  "with another signature": (token) => token.slice(0, -9) + swap(token.at(-9)!) + token.slice(-8),
  "that is unsigned": (token) => {
    const { header, claims } = split(token);
    if (claims === null) return token.slice(0, -6);
    return `${signingInput({ ...header, alg: "none" }, claims)}.`;
  },
  "that is cut": (token) => token.slice(0, token.length / 2),
  "that is too long": (token) => token + "A".repeat(4097 - token.length),
  "with its case changed": (token) => token.toUpperCase(),
};

const swap = (letter: string) => (letter === "A" ? "B" : "A");
const split = (token: string) =>
  token.startsWith("gth_") ? { header: {}, claims: null } : decode(token);

describeGates((gate) => {
  const foreign = setUpGate();

  beforeAll(async () => {
    await gate.user("ada");
    await foreign.user("ada");
  });

  const getToken = async (kind: Kind, from = gate): Promise<string> => {
    if (kind === "static") return (await from.login("ada", "TOKEN")).token;
    if (kind === "sliding") return (await from.login("ada", "SLIDING")).token;
    return (await from.login("ada", "JWT"))[kind];
  };

  const present = (token: string, place: Place): Promise<Answer> => {
    if (place === "refreshToken") return gate.refresh(token);
    if (place === "logout") return gate.logout({ refresh: token });
    if (place === "verifyToken") return gate.verify(token);
    return gate.me(`${place} ${token}`);
  };

  const takes = (place: Place, kind: Kind) => (TAKES[place] as readonly Kind[]).includes(kind);

  /** Whether a place reports a token of the wrong kind as token_wrong_type rather than token_not_valid. */
  const seesWrongType = (place: Place, kind: Kind) =>
    place === "Bearer" ? !takes(place, kind) : kind === "access" && place !== "Token";

  function expectRefused(answer: Answer, place: Place, reasons: string[]): void {
    if (place === "verifyToken") {
      expect([answer.status, answer.data?.verifyToken]).toEqual([200, INACTIVE]);
      return;
    }
    expect([place, answer.status, answer.code]).toEqual([place, 401, "UNAUTHENTICATED"]);
    expect(reasons).toContain(answer.reason);
    expect(answer.headers.get("www-authenticate")).toMatch(/Bearer.*Token|Token.*Bearer/);
  }

  describe.each(KINDS)("a good %s token", (kind) => {
    test.each(PLACES.filter((place) => takes(place, kind)))(
      "RF-6: is accepted by %s",
      async (place) => {
        const { status, data } = await present(await getToken(kind), place);
        expect([status, data?.verifyToken?.active ?? true]).toEqual([200, true]);
      },
    );

    test.each(PLACES.filter((place) => !takes(place, kind)))(
      "RF-6, ST-6, JW-6, R-06, A-08: is refused by %s, and stays valid for its own use",
      async (place) => {
        const token = await getToken(kind);
        const reason = seesWrongType(place, kind) ? "token_wrong_type" : "token_not_valid";
        const statements = await gate.countStatements(async () => {
          expectRefused(await present(token, place), place, [reason]);
        });
        expect(statements).toBe(0);
        const home = kind === "static" ? "Token" : kind === "refresh" ? "refreshToken" : "Bearer";
        expect((await present(token, home)).status).toBe(200);
        // The server remembers a verified token. It must still not accept the token in other places.
        if (kind !== "refresh") expectRefused(await present(token, place), place, [reason]);
      },
    );

    test.each(PLACES)("J-13: is refused by %s if another installation signed it", async (place) => {
      const token = await getToken(kind, foreign);
      const statements = await gate.countStatements(async () => {
        expectRefused(await present(token, place), place, [
          seesWrongType(place, kind) ? "token_wrong_type" : "token_not_valid",
        ]);
      });
      // An unknown key may be new, so the server may read the keys again. A static token is looked up.
      expect(statements).toBeLessThanOrEqual(1);
    });
  });

  describe.each(KINDS)("a bad %s token", (kind) => {
    test.each(Object.entries(FORMS))(
      "H-18, J-09, JW-11: %s is refused in every place, without a statement",
      async (form, make) => {
        const bad = make(await getToken(kind));
        // Otherwise the times of last use could be written during the count.
        await gate.core.sessions.flush();
        for (const place of PLACES) {
          const isHeader = place === "Bearer" || place === "Token";
          const isWhole = form.startsWith("with another") || kind === "static";
          const reasons =
            isHeader && form === "that is too long"
              ? ["bad_authorization_header"]
              : isWhole &&
                  seesWrongType(place, kind) &&
                  bad.startsWith(kind === "static" ? "gth_" : "")
                ? ["token_wrong_type"]
                : ["token_not_valid"];
          const statements = await gate.countStatements(async () => {
            expectRefused(await present(bad, place), place, reasons);
          });
          expect([place, statements]).toEqual([place, 0]);
        }
      },
    );
  });

  describe("a token argument of another type", () => {
    const fields = {
      refreshToken: "refreshToken(refresh: $v) { access }",
      logout: "logout(refresh: $v) { message }",
      verifyToken: "verifyToken(token: $v) { active }",
    };
    test.each(Object.entries(fields))(
      "T-09: is BAD_USER_INPUT for %s, without a statement",
      async (_name, field) => {
        const statements = await gate.countStatements(async () => {
          for (const v of [7, true, ["x"], { token: "x" }, null]) {
            const answer = await gate.ask(`mutation ($v: String!) { ${field} }`, {
              variables: { v },
            });
            expect(answer).toMatchObject({ status: 400, code: "BAD_USER_INPUT" });
          }
        });
        expect(statements).toBe(0);
      },
    );
  });
});
