import { beforeAll, describe, expect, test } from "@jest/globals";
import { decode, forge, stealKeys } from "../support/forge.js";
import { type Answer, PASSWORD, setUpGate } from "../support/gate.js";

const SCHEMES = ["TOKEN", "JWT", "SLIDING"] as const;
const ACCEPTS = ["application/json", "application/graphql-response+json"];

/** Returns the parts of a response that a client could compare, without times. */
function tellable({ status, headers, text }: Answer): string {
  const rest = [...headers].filter(([name]) => name !== "date");
  return JSON.stringify([status, rest, text]);
}

/** Expects that all responses look the same to a client, and returns the first. */
function expectAlike(answers: Answer[]): Answer {
  expect(answers.length).toBeGreaterThan(1);
  expect(new Set(answers.map(tellable)).size).toBe(1);
  return answers[0]!;
}

const gate = setUpGate();

beforeAll(async () => {
  await gate.user("ada", { email: "ada@example.com" });
  await gate.user("keyless", { email: "keyless@example.com", password: null });
  const idle = await gate.user("idle", { email: "idle@example.com" });
  await gate.auth.accounts.setActive(idle, false);
});

describe("a refused login", () => {
  const LOGINS = {
    login: `mutation ($who: String!, $password: String!, $scheme: AuthScheme!) {
      login(username: $who, password: $password, scheme: $scheme) { scheme }
    }`,
    emailLogin: `mutation ($who: String!, $password: String!, $scheme: AuthScheme!) {
      emailLogin(email: $who, password: $password, scheme: $scheme) { scheme }
    }`,
  };
  const WHO = {
    login: ["ada", "idle", "keyless", "nobody"],
    emailLogin: [
      "ada@example.com",
      "idle@example.com",
      "keyless@example.com",
      "nobody@example.com",
    ],
  };

  describe.each(["login", "emailLogin"] as const)("by %s", (name) => {
    const ask = (who: string, password: string, scheme: string, accept: string) =>
      gate.ask(LOGINS[name], { variables: { who, password, scheme }, headers: { accept } });

    test.each(ACCEPTS)(
      "LG-1, L-02: gets the same response for a wrong password, an unknown, an inactive and a passwordless user, by every scheme, as %s",
      async (accept) => {
        const answers: Answer[] = [];
        for (const scheme of accept === ACCEPTS[0] ? ["TOKEN"] : ["JWT", "SLIDING"]) {
          for (const who of WHO[name])
            answers.push(await ask(who, "a wrong password", scheme, accept));
        }
        expect(expectAlike(answers).reason).toBe("invalid_credentials");
      },
    );
  });

  test("LG-1, LG-2, LG-6: of a locked account is the same for every user and by either name, even with the right password", async () => {
    const [accept] = ACCEPTS;
    const strict = await gate.another({ loginFailuresPerAccount: 5 });
    const ask = (name: keyof typeof LOGINS, who: string, password: string) =>
      strict.ask(LOGINS[name], {
        variables: { who, password, scheme: "JWT" },
        headers: { accept: accept! },
      });
    try {
      for (const who of WHO.login) {
        for (let attempt = 0; attempt < 6; attempt += 1)
          await ask("login", who, "a wrong password");
      }
      const answers: Answer[] = [];
      for (const who of WHO.login) answers.push(await ask("login", who, PASSWORD));
      expect(expectAlike(answers)).toMatchObject({
        code: "TOO_MANY_REQUESTS",
        reason: "throttled",
      });
      // A known user's address belongs to the locked account. An unknown address is a new identifier, which is not
      // locked yet.
      const byEmail = await ask("emailLogin", "ada@example.com", PASSWORD);
      expect(byEmail).toMatchObject({ code: "TOO_MANY_REQUESTS", reason: "throttled" });
    } finally {
      await strict.close();
    }
  });
});

describe("the throttle", () => {
  const wrong = (field: string, who: string) =>
    `mutation { ${field}: "${who}", password: "a wrong password") { scheme } }`;
  const BY_NAME = "login(username";
  const BY_EMAIL = "emailLogin(email";

  test.each([
    ["its name for an address", BY_EMAIL, BY_NAME, "ada", "nobody"],
    ["its address for a name", BY_NAME, BY_EMAIL, "ada@example.com", "nobody@example.com"],
  ])(
    "LG-1, LG-2: does not reveal that a user exists by taking %s",
    async (_what, first, then, known, unknown) => {
      const strict = await gate.another({ loginFailuresPerAccount: 5 });
      try {
        const reasons = [];
        for (const who of [known, unknown]) {
          for (let attempt = 0; attempt < 6; attempt += 1) await strict.ask(wrong(first, who));
          const { reason } = await strict.ask(wrong(first, who));
          reasons.push([reason, (await strict.ask(wrong(then, who))).reason]);
        }
        expect(reasons).toEqual(Array(2).fill(["throttled", "invalid_credentials"]));
      } finally {
        await strict.close();
      }
    },
  );

  test("LG-2: does not count a login by a user's id against that user", async () => {
    const strict = await gate.another({ loginFailuresPerAccount: 5 });
    try {
      const id = await gate.user("eve");
      for (const name of [id, `user ${id}`]) {
        for (let attempt = 0; attempt < 7; attempt += 1) await strict.ask(wrong(BY_NAME, name));
      }
      expect((await strict.login("eve")).authorization).toMatch(/^Bearer /);
    } finally {
      await strict.close();
    }
  });
});

describe("a refused token", () => {
  let dead: string[];
  let forged: { refresh: string[]; static: string[] };

  beforeAll(async () => {
    const id = await gate.user("bob", { password: null });
    const { RefreshToken, SlidingToken, StaticToken } = gate.auth.tokens;
    const keys = stealKeys(gate);
    const refresh = (await RefreshToken.forUser({ id })).toString();
    const sliding = (await SlidingToken.forUser({ id })).toString();
    const fixed = (await StaticToken.create({ id })).key!;
    const other = (await StaticToken.create({ id })).key!;
    const { header, claims } = decode(refresh);
    forged = {
      refresh: [
        "",
        "x",
        "aaaa.bbbb.cccc",
        `${refresh.slice(0, -4)}AAAA`,
        forge(keys.refresh, { ...header, kid: "unknown" }, claims),
        forge(keys.refresh, header, { ...claims, iss: "other" }),
      ],
      static: [
        StaticToken.generateKey(),
        fixed.slice(0, -1) + (fixed.endsWith("0") ? "1" : "0"),
        `gth_${"0".repeat(32)}_x`,
        "nonsense",
      ],
    };
    const access = new RefreshToken(refresh).accessToken.toString();
    await gate.logout({ refresh });
    await gate.logout({ refresh: sliding });
    await gate.logout({ authorization: `Token ${other}` });
    dead = [access, refresh, sliding, other];
  });

  test.each(ACCEPTS)(
    "RF-14, V-02, V-06: gets the same response from verifyToken if it is forged, foreign, of another kind or logged out, as %s",
    async (accept) => {
      const query = `mutation ($token: String!) { verifyToken(token: $token) { active scheme tokenType expiresAt user { id } } }`;
      const answers = await Promise.all(
        [...dead, ...forged.refresh, ...forged.static, "x".repeat(5000)].map((token) =>
          gate.ask(query, { variables: { token }, headers: { accept } }),
        ),
      );
      expect(expectAlike(answers).data.verifyToken.active).toBe(false);
    },
  );

  test("RF-10: gets the same response from refreshToken however it was forged", async () => {
    const refreshed = await Promise.all(forged.refresh.map((token) => gate.refresh(token)));
    expect(expectAlike(refreshed)).toMatchObject({ status: 401, reason: "token_not_valid" });
  });

  test("RF-10: gets the same response from refreshToken for every ended session, of every owner", async () => {
    const [, refresh, sliding] = dead;
    const answers = await Promise.all([gate.refresh(refresh!), gate.refresh(sliding!)]);
    expect(expectAlike(answers)).toMatchObject({ status: 401, reason: "token_revoked" });
  });

  test("ST-2: gets the same response in the header if it is unknown, mistyped, or has the wrong secret for its session", async () => {
    const answers = await Promise.all(forged.static.map((key) => gate.me(`Token ${key}`)));
    expect(expectAlike(answers)).toMatchObject({ status: 401, reason: "token_not_valid" });
  });

  test.each(SCHEMES)(
    "AZ-6, B-28: by %s, revokeSession does not reveal whether an id belongs to another user, has ended, or is unknown",
    async (scheme) => {
      const name = `carl.${scheme}`;
      await gate.user(name);
      const { authorization } = await gate.login(name, scheme);
      const { sid } = decode(dead[1]!).claims;
      const living = await gate.auth.tokens.RefreshToken.forUser({
        id: String(decode(dead[1]!).claims["sub"]),
      });
      const ids = [sid, living.get("sid"), "0".repeat(32), "x"];
      const answers = await Promise.all(
        ids.map((id) =>
          gate.ask(`mutation ($id: ID!) { revokeSession(id: $id) { message } }`, {
            authorization,
            variables: { id },
          }),
        ),
      );
      expect(expectAlike(answers)).toMatchObject({ status: 400, code: "BAD_USER_INPUT" });
    },
  );
});
