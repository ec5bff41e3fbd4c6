import { beforeAll, describe, expect, test } from "@jest/globals";
import { parseAuthorization } from "../../src/authentication/authorization-header.js";
import { BadAuthorizationHeader } from "../../src/index.js";
import { describeGates, type Tokens } from "../support/gate.js";
import { askWithLines } from "../support/wire.js";

const ME = "{ me { username } }";

describeGates((gate) => {
  let jwt: Tokens;
  let fixed: Tokens;

  beforeAll(async () => {
    await gate.user("ada");
    jwt = await gate.login("ada", "JWT");
    fixed = await gate.login("ada", "TOKEN");
  });

  describe("parsing", () => {
    test("H-02: `Bearer X` holds exactly the token X", () => {
      expect(parseAuthorization(["Bearer a.b-c_d~e+f/g=="])).toEqual({
        scheme: "Bearer",
        token: "a.b-c_d~e+f/g==",
      });
    });

    test("H-18: a token may have 4,096 characters", () => {
      const token = "x".repeat(4096);
      expect(parseAuthorization([`Bearer ${token}`])).toEqual({ scheme: "Bearer", token });
    });

    test("H-03: `Token K` holds exactly the key K", () => {
      expect(parseAuthorization(["Token K"])).toEqual({ scheme: "Token", token: "K" });
    });

    test.each(["", "Basic YTpi", "Bearerish X", "Tokens K", "Token-2 K", "JWT X", " Bearer X"])(
      "H-11: a scheme that is not served counts as no header: '%s'",
      (line) => {
        expect(parseAuthorization([line])).toBeNull();
        expect(parseAuthorization([])).toBeNull();
      },
    );

    test.each(["bearer X", "BEARER X", "bEaReR X", "token X", "TOKEN X"])(
      "H-16: the scheme's case does not matter: %s",
      (line) => {
        expect(parseAuthorization([line])?.token).toBe("X");
      },
    );

    test.each([
      "Bearer",
      "Bearer ",
      "Token",
      "Token    ",
      "Bearer one two",
      "Token foo bar",
      "Bearer\tX",
      "Bearer \tX",
      "Bearer\u00a0X",
      "Bearer\u2003X",
      "Bearer X ",
      "Bearer X\t",
      "Bearer X\nY",
      'Bearer "X"',
      "Bearer =X",
      "Bearer X=Y",
      "Bearer ü",
      "Bearer X, Token K",
      "Token K, Bearer X",
      "Bearer,X",
      `Bearer ${"x".repeat(4097)}`,
    ])(
      "H-05, H-06, H-07, H-08, H-17, H-27: anything but one token68 is refused (case %#)",
      (line) => {
        expect(() => parseAuthorization([line])).toThrow(BadAuthorizationHeader);
      },
    );

    test.each([
      ["Bearer A", "Token B"],
      ["Bearer A", "Bearer A"],
      ["", "Bearer A"],
      ["Basic YTpi", "Bearer A"],
    ])(
      "H-15: two Authorization lines are refused, whatever they hold: '%s' and '%s'",
      (...lines) => {
        expect(() => parseAuthorization(lines)).toThrow(BadAuthorizationHeader);
      },
    );
  });

  describe("over HTTP", () => {
    test.each(["Bearer", "bearer", "BEARER", "Bearer  ", "Bearer     "])(
      "H-02, H-16, H-17: the scheme `%s` with an access token signs in",
      async (scheme) => {
        const { status, text } = await askWithLines(gate.url, ME, [
          `Authorization: ${scheme} ${jwt.access}`,
        ]);
        expect([status, JSON.parse(text).data.me.username]).toEqual([200, "ada"]);
      },
    );

    test.each(["Token", "token", "TOKEN", "tOkEn   "])(
      "H-03, H-16, H-17: the scheme `%s` with a key signs in",
      async (scheme) => {
        const { status, text } = await askWithLines(gate.url, ME, [
          `authorization: ${scheme} ${fixed.token}`,
        ]);
        expect([status, JSON.parse(text).data.me.username]).toEqual([200, "ada"]);
      },
    );

    test.each([
      ["H-05", () => ["Authorization: Bearer"]],
      ["H-06", () => [`Authorization: Bearer ${jwt.access} two`]],
      ["H-07", () => ["Authorization: Token "]],
      ["H-08", () => [`Authorization: Token ${fixed.token} bar`]],
      [
        "H-15",
        () => [`Authorization: ${jwt.authorization}`, `Authorization: ${jwt.authorization}`],
      ],
      ["H-15", () => [`Authorization: ${jwt.authorization}`, "authorization: Basic YTpi"]],
      ["H-17", () => [`Authorization: Bearer\t${jwt.access}`]],
      ["H-17", () => [`Authorization: Bearer \u00a0${jwt.access}`]],
      ["H-18", () => [`Authorization: Bearer ${"x".repeat(5000)}`]],
      ["H-27", () => [`Authorization: ${fixed.authorization}, ${jwt.authorization}`]],
      ["H-27", () => [`Authorization: ${jwt.authorization},${fixed.authorization}`]],
    ])(
      "%s: anything but exactly one credential is bad_authorization_header and 401",
      async (_id, lines) => {
        const { status, extensions, text } = await askWithLines(gate.url, ME, lines());
        expect(extensions).toEqual({ code: "UNAUTHENTICATED", reason: "bad_authorization_header" });
        expect(status).toBe(401);
        expect(text).not.toContain(jwt.access);
        expect(text).not.toContain(fixed.token);
      },
    );

    test("H-18: a header of 100 kB is refused by HTTP itself", async () => {
      const { status } = await askWithLines(gate.url, ME, [
        `Authorization: Bearer ${"x".repeat(100_000)}`,
      ]);
      expect(status).toBe(431);
    });

    const NO_CREDENTIALS = { status: 401, code: "UNAUTHENTICATED", reason: "no_credentials" };

    test("H-25: a request without a header is refused with the challenges of both schemes", async () => {
      const none = await gate.me();
      expect(none).toMatchObject(NO_CREDENTIALS);
      const challenges = none.headers.get("www-authenticate");
      expect(challenges).toMatch(/\bBearer realm="[^"]+"/);
      expect(challenges).toMatch(/\bToken realm="[^"]+"/);
    });

    test.each<[what: string, header: () => string]>([
      ["JWT", () => `JWT ${jwt.access}`],
      ["Basic", () => "Basic YWRhOmFkYQ=="],
      ["Digest", () => 'Digest username="ada", response="c4n4ry"'],
      ["a scheme that only begins like one of ours", () => `Bearerish ${jwt.access}`],
      ["a bare access token", () => jwt.access],
      ["a bare static token", () => fixed.token],
      ["a bare word", () => "c4n4ry"],
    ])(
      "H-11: with %s a guarded field says which schemes are served, and public fields are answered",
      async (_what, header) => {
        const refused = await gate.me(header());
        expect(refused).toMatchObject({ ...NO_CREDENTIALS, data: null });
        expect(refused.errors?.[0]?.message).toBe(
          "The scheme of the Authorization header is not served. Send `Token <key>` or `Bearer <access token>`.",
        );
        for (const secret of [jwt.access, fixed.token, "YWRhOmFkYQ", "c4n4ry"]) {
          expect(refused.text).not.toContain(secret);
        }
        const call = { authorization: header() };
        expect((await gate.ask("{ __typename }", call)).data.__typename).toBe("Query");
        const logout = await gate.ask("mutation { logout { message } }", call);
        expect(logout.errors?.[0]?.message).toBe(refused.errors?.[0]?.message);
      },
    );

    test("H-11: an empty header counts as none", async () => {
      const { text } = await askWithLines(gate.url, ME, ["Authorization:  "]);
      expect(text).toContain("Authentication credentials were not provided.");
    });

    test("H-25: a client that accepts only application/json gets 200 and the same error", async () => {
      const answer = await gate.ask(ME, { headers: { accept: "application/json" } });
      expect(answer).toMatchObject({ status: 200, data: null, reason: "no_credentials" });
    });

    test("H-26: a header credential needs no cookie and no CSRF token", async () => {
      const headers = {
        "content-type": "application/json; charset=utf-8",
        origin: "https://elsewhere.example",
      };
      const { data } = await gate.ask(ME, { authorization: jwt.authorization, headers });
      expect(data.me.username).toBe("ada");
    });

    test("O-10: a request without a header is anonymous, even after a request with one", async () => {
      expect((await gate.me(jwt.authorization)).data.me.username).toBe("ada");
      expect((await gate.me()).reason).toBe("no_credentials");
    });
  });

  describe("the context", () => {
    test("H-24: is anonymous without a request", async () => {
      const { user, authError, credential } = await gate.auth.createContext();
      expect({ user, authError, credential }).toEqual({
        user: null,
        authError: null,
        credential: null,
      });
    });

    test("H-15: reads the headers of Node, the headers of the Fetch API and a list with one value in the same way", async () => {
      const { authorization } = jwt;
      const requests = [
        { headers: { authorization } },
        { headers: { authorization: [authorization] } },
        { headers: new Headers({ authorization }) },
        { headers: { AUTHORIZATION: authorization } },
        { headers: { authorization }, rawHeaders: ["AUTHORIZATION", authorization] },
      ];
      for (const request of requests) {
        const { user } = await gate.auth.createContext(request);
        expect(user).toMatchObject({ username: "ada" });
      }
    });

    test("H-15: refuses two credentials that a framework joined or listed", async () => {
      const joined = new Headers();
      joined.append("authorization", jwt.authorization);
      joined.append("authorization", fixed.authorization);
      const listed = { authorization: [jwt.authorization, fixed.authorization] };
      for (const headers of [joined, listed]) {
        const { user, authError } = await gate.auth.createContext({ headers });
        expect([user, authError?.reason]).toEqual([null, "bad_authorization_header"]);
      }
    });

    test.each<unknown>([7, true, {}, { toString: 1 }, [{}], [["Bearer x"]]])(
      "H-15: refuses connection parameters whose authorization is %j",
      async (authorization) => {
        const headers = { authorization, "user-agent": { toString: 1 } };
        const { user, authError, client } = await gate.auth.createContext({ headers });
        expect({ user, reason: authError?.reason }).toEqual({
          user: null,
          reason: "bad_authorization_header",
        });
        expect(client.userAgent).toBeNull();
      },
    );

    test("H-15: refuses a second line that Node has dropped from its headers, in any case", async () => {
      const { authorization } = jwt;
      const rawHeaders = ["Authorization", authorization, "AUTHORIZATION", fixed.authorization];
      const context = await gate.auth.createContext({ headers: { authorization }, rawHeaders });
      expect([context.user, context.authError?.reason]).toEqual([null, "bad_authorization_header"]);
    });

    test("has the user agent as the request has it, or null", async () => {
      const requests = [
        { headers: { "user-agent": "probe" }, rawHeaders: ["User-Agent", "probe"] },
        { headers: { "User-Agent": ["probe"] } },
        { headers: new Headers({ "user-agent": "probe" }) },
        { headers: {}, rawHeaders: [] },
        { headers: {} },
      ];
      const agents = [];
      for (const request of requests) {
        agents.push((await gate.auth.createContext(request)).client.userAgent);
      }
      expect(agents).toEqual(["probe", "probe", "probe", null, null]);
    });

    test("H-21: has no user for a bad credential, however often `user` is read", async () => {
      const context = await gate.auth.createContext({
        headers: { authorization: "Bearer nonsense" },
      });
      expect([context.user, context.user, context.user]).toEqual([null, null, null]);
      expect(context.authError?.reason).toBe("token_not_valid");
    });

    test("H-18: costs no statement for an oversized, malformed or forged credential", async () => {
      const [head = "", payload = ""] = jwt.access.split(".");
      const bad = [
        `Bearer ${"x".repeat(100_000)}`,
        `Token ${"x".repeat(100_000)}`,
        "Bearer one two",
        `Bearer ${head}.${payload}.${"A".repeat(86)}`,
        `Token ${fixed.token.slice(0, -1)}${fixed.token.endsWith("0") ? "1" : "0"}`,
      ];
      const statements = await gate.countStatements(async () => {
        for (const authorization of bad) {
          const { user, authError } = await gate.auth.createContext({ headers: { authorization } });
          expect([user, authError?.code]).toEqual([null, "UNAUTHENTICATED"]);
        }
      });
      expect(statements).toBe(0);
    });
  });

  describe("a bad credential in a request", () => {
    const BAD = ["Bearer nonsense", "Token nonsense", "Bearer", "Bearer a, Token b"];

    test.each(BAD)(
      "H-20: `%s` is ignored by public fields, and refused by guarded ones",
      async (bad) => {
        const { refresh } = await gate.login("ada");
        const call = { authorization: bad };
        const login = `login(username: "ada", password: "correct horse battery staple") { user { username } }`;
        expect((await gate.ask(`mutation { ${login} }`, call)).data.login.user.username).toBe(
          "ada",
        );
        expect((await gate.refresh(refresh, call)).data.refreshToken.access).toBeTruthy();
        expect((await gate.ask("{ __typename }", call)).data.__typename).toBe("Query");
        const refused = await gate.me(bad);
        expect(refused).toMatchObject({ status: 401, code: "UNAUTHENTICATED" });
        expect(["token_not_valid", "bad_authorization_header"]).toContain(refused.reason);
      },
    );

    test("H-20: an e-mail login works with an expired access token in the header", async () => {
      await gate.user("eve", { email: "eve@example.com" });
      const { authorization } = await gate.login("eve");
      gate.advance(3600);
      expect((await gate.me(authorization)).reason).toBe("token_expired");
      const emailLogin = `mutation { emailLogin(email: "eve@example.com", password: "correct horse battery staple") { scheme } }`;
      expect((await gate.ask(emailLogin, { authorization })).data.emailLogin.scheme).toBe("JWT");
    });
  });
});
