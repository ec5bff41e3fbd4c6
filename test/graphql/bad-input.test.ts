import { beforeAll, describe, expect, test } from "@jest/globals";
import { type Answer, describeGates, PASSWORD } from "../support/gate.js";

/** Part of every bad value. A response that contains it repeats its input. */
const CANARY = "c4n4ry";

const OPERATIONS = {
  login: `mutation ($v: String!) { login(username: $v, password: "${PASSWORD}") { scheme } }`,
  "login's password": `mutation ($v: String!) { login(username: "ada", password: $v) { scheme } }`,
  emailLogin: `mutation ($v: String!) { emailLogin(email: $v, password: "${PASSWORD}") { scheme } }`,
  refreshToken: `mutation ($v: String!) { refreshToken(refresh: $v) { scheme } }`,
  verifyToken: `mutation ($v: String!) { verifyToken(token: $v) { active user { id } } }`,
  logout: `mutation ($v: String!) { logout(refresh: $v) { message } }`,
};
const names = Object.keys(OPERATIONS) as (keyof typeof OPERATIONS)[];

describeGates((gate) => {
  beforeAll(async () => {
    await gate.user("ada", { email: "ada@example.com" });
  });

  const send = (name: keyof typeof OPERATIONS, v: unknown) =>
    gate.ask(OPERATIONS[name], { variables: { v } });

  /** Expects that a response repeats no input and reveals no internals of the server. */
  function expectDiscreet({ text, headers }: Answer): void {
    expect(text + JSON.stringify([...headers])).not.toContain(CANARY);
    expect(text).not.toMatch(/stacktrace|node_modules|SQLITE|\.ts:|\.js:/);
  }

  describe("an argument of the wrong type", () => {
    test.each(names)(
      "T-09: in a variable of %s is BAD_USER_INPUT and not repeated",
      async (name) => {
        const values = [1234567, true, [CANARY], { [CANARY]: CANARY }, [[CANARY]], null, undefined];
        for (const value of values) {
          const answer = await send(name, value);
          expect(answer).toMatchObject({ status: 400, code: "BAD_USER_INPUT" });
          expectDiscreet(answer);
          expect(answer.text).not.toContain("1234567");
        }
      },
    );

    test.each([
      `login(username: { ${CANARY}: "${CANARY}" }, password: "x")`,
      `login(username: "ada", password: ["${CANARY}"])`,
      `login(username: "ada", password: ${CANARY})`,
      `login(username: "ada", password: 7${CANARY.replaceAll(/\D/g, "")}${CANARY.replaceAll(/\D/g, "")})`,
      `login(username: "ada", password: "x", scheme: ${CANARY})`,
      `login(username: "ada", password: "x", scheme: "${CANARY}")`,
      `login(username: "ada", password: "x", scheme: null)`,
      `login(username: "ada", scheme: JWT)`,
      `login(password: "${CANARY}")`,
      `login(username: null, password: "${CANARY}")`,
      `emailLogin(email: "${CANARY}")`,
      `emailLogin`,
      `refreshToken`,
      `verifyToken`,
      `verifyToken(token: { a: "${CANARY}" })`,
      `logout(refresh: 7.5)`,
    ])("T-09, A-19, R-03, V-04: in the document is 400 and not repeated: %s", async (field) => {
      const answer = await gate.ask(`mutation { ${field} { __typename } }`);
      expect([answer.status, answer.code]).toEqual([400, "GRAPHQL_VALIDATION_FAILED"]);
      expect(answer.data).toBeUndefined();
      expectDiscreet(answer);
      expect(answer.text).not.toContain("7444");
    });

    test.each([CANARY, "jwt", "SLIDE", "", "Bearer", 1, ["JWT"], { JWT: CANARY }])(
      "an unknown scheme, %j, is BAD_USER_INPUT and not repeated",
      async (scheme) => {
        const query = `mutation ($s: AuthScheme!) {
        login(username: "ada", password: "${PASSWORD}", scheme: $s) { scheme }
      }`;
        const answer = await gate.ask(query, { variables: { s: scheme } });
        expect(answer).toMatchObject({ status: 400, code: "BAD_USER_INPUT" });
        expectDiscreet(answer);
      },
    );

    test.each([
      `mutation { login(username: "ada", password: "${CANARY}`,
      `mutation { login(username: "ada", password "${CANARY}") { scheme } }`,
      `mutation { login(username: "ada" password: """${CANARY}`,
      `mutation { login(username: "ada", "${CANARY}") { scheme } }`,
      `mutation { login(username: "ada", """${CANARY}""") { scheme } }`,
      `mutation { login(username: "ada", password: "\\u{${CANARY}}") { scheme } }`,
      `mutation { login(username: "ada", password: "\\u${CANARY}") { scheme } }`,
      `mutation { login(username: "ada", password: "\\${CANARY}") { scheme } }`,
      `mutation { login(username: "ada", password: '${CANARY}') { scheme } }`,
      `mutation { login(username: "ada", password: 12${CANARY}) { scheme } }`,
    ])(
      "a document that cannot be parsed is 400 and its values are not repeated: %s",
      async (query) => {
        const answer = await gate.ask(query);
        expect([answer.status, answer.code]).toEqual([400, "GRAPHQL_PARSE_FAILED"]);
        expectDiscreet(answer);
        expect(answer.text).not.toMatch(/c4n/);
      },
    );
  });

  describe("an odd string", () => {
    test.each(["login", "login's password", "emailLogin"] as const)(
      "T-10: is BAD_USER_INPUT as %s if it is empty, has a lone surrogate, or has 50 kB",
      async (name) => {
        for (const value of ["", `${CANARY}\ud800`, `\udc00${CANARY}`, CANARY.repeat(8500)]) {
          const answer = await send(name, value);
          expect(answer).toMatchObject({ status: 400, code: "BAD_USER_INPUT", data: null });
          expectDiscreet(answer);
        }
      },
    );

    test.each(["login", "emailLogin"] as const)("a NUL in %s is BAD_USER_INPUT", async (name) => {
      for (const value of ["ada\0", `\0${CANARY}`, "ada@example.com\0"]) {
        const answer = await send(name, value);
        expect(answer).toMatchObject({ status: 400, code: "BAD_USER_INPUT" });
        expectDiscreet(answer);
      }
    });

    test("PW-3: a NUL does not cut off the rest of a password", async () => {
      await gate.user("nul", { password: "fifteen letters\0and more" });
      const query = `mutation ($p: String!) { login(username: "nul", password: $p) { scheme } }`;
      const status = async (p: string) => (await gate.ask(query, { variables: { p } })).status;
      expect(await status("fifteen letters")).toBe(401);
      expect(await status("fifteen letters\0and less")).toBe(401);
      expect(await status("fifteen letters\0and more")).toBe(200);
    });

    test.each(["refreshToken", "logout"] as const)(
      "R-17: is always token_not_valid in %s",
      async (name) => {
        const odd = [
          "",
          "\0",
          "\ud800",
          CANARY,
          `a.${CANARY}.c`,
          "..",
          "é.é.é",
          CANARY.repeat(8500),
        ];
        for (const value of odd) {
          const answer = await send(name, value);
          expect(answer).toMatchObject({ status: 401, reason: "token_not_valid" });
          expectDiscreet(answer);
        }
      },
    );

    test("V-06: is inactive for verifyToken, which reveals nothing else", async () => {
      const odd = ["", "\0", "\ud800", CANARY, "gth_", `gth_${CANARY}`, "..", CANARY.repeat(8500)];
      for (const value of odd) {
        const answer = await send("verifyToken", value);
        expect(answer.data).toEqual({ verifyToken: { active: false, user: null } });
        expectDiscreet(answer);
      }
    });

    test.each(names)(
      "LG-10: is refused with 413 before it is read if it has 1 MB, for %s",
      async (name) => {
        const answer = await send(name, CANARY.repeat(175_000));
        expect(answer).toMatchObject({ status: 413, code: "BAD_REQUEST" });
        expectDiscreet(answer);
      },
    );
  });

  describe("a malformed body", () => {
    test.each([
      `{"query": "{ me { id } }", "variables": "${CANARY}"}`,
      `{"query": "{ me { id } }", "variables": ["${CANARY}"]}`,
      `{"query": ["${CANARY}"]}`,
      `{"query": {"${CANARY}": 1}}`,
      `{"query": ""}`,
      `{"password": "${CANARY}"}`,
      `{"query": "{ me { id } }", "extensions": "${CANARY}"}`,
      `["${CANARY}"]`,
      `[{"query": "{ me { id } }"}]`,
      `"${CANARY}"`,
      `{"password": "${CANARY}`,
      CANARY,
      ``,
      `null`,
    ])("is 400 with a code, and not repeated: %s", async (body) => {
      const response = await fetch(`${gate.url}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
      });
      const text = await response.text();
      expect(response.status).toBe(400);
      expect(text).not.toContain(CANARY);
      expect(JSON.parse(text).errors[0].extensions.code).toBe("BAD_REQUEST");
    });
  });

  test("O-09: a token in an argument of a field is refused, because no field takes one", async () => {
    const answer = await gate.ask(`{ me(token: "${CANARY}") { id } }`);
    expect([answer.status, answer.code]).toEqual([400, "GRAPHQL_VALIDATION_FAILED"]);
    expectDiscreet(answer);
  });

  test("Z-07: code and reason are the same in every language that a client asks for", async () => {
    const [english, bengali] = await Promise.all(
      ["en", "bn, *;q=0"].map((language) =>
        gate.ask("{ me { id } }", { headers: { "accept-language": language } }),
      ),
    );
    expect([bengali?.code, bengali?.reason]).toEqual(["UNAUTHENTICATED", "no_credentials"]);
    expect([english?.code, english?.reason]).toEqual([bengali?.code, bengali?.reason]);
  });
});
