import { beforeAll, describe, expect, test } from "@jest/globals";
import { getNamedType, isInputObjectType, isObjectType, isScalarType } from "graphql";
import { type Answer, describeGates, PASSWORD } from "../support/gate.js";
import { recordStatements } from "../support/statements.js";

/** Texts that an interpreter could execute. */
const TEXTS = [
  `' OR '1'='1' --`,
  `ada' --`,
  `ada"; DROP TABLE "session"; --`,
  `'; UPDATE profile SET role = 'ADMIN'; --`,
  `' UNION SELECT password_hash FROM "user" --`,
  `x'; SELECT pg_sleep(9); --`,
  `' || (SELECT sql FROM sqlite_master) || '`,
  `\\' OR 1=1 --`,
  `%`,
  `_%\\`,
  `{"$ne": null}`,
  `*)(uid=*))(|(uid=*`,
  "${7*7}{{7*7}}<%= 7*7 %>#{7*7}",
  "%s%s%n%x%d",
  "`id`; $(id) | id\nid",
  "<script>alert(1)</script>",
  `\r\nSet-Cookie: a=b\r\n\r\n`,
  "__proto__",
  "constructor",
  "hasOwnProperty",
  "undefined",
  "\0",
  "\u202eada",
  "a\u200bda",
  `a${"\u0301".repeat(140)}`,
  "\u{1f469}\u200d\u{1f469}\u200d\u{1f467}".repeat(20),
  "\ufdfa".repeat(100),
  "\ud800",
  "\udfff\ud800",
  "\u001b[2J\u0007",
  "x".repeat(4097),
];

const REFUSED: Record<string, (answer: Answer) => boolean> = {
  BAD_USER_INPUT: ({ status, code }) => status === 400 && code === "BAD_USER_INPUT",
  invalid_credentials: ({ status, reason }) => status === 401 && reason === "invalid_credentials",
  token_not_valid: ({ status, reason }) => status === 401 && reason === "token_not_valid",
  inactive: ({ data }) => data?.verifyToken.active === false,
  nothing: ({ data }) => data?.allSessions.edges.length === 0,
};

/** Each text argument, with the outcomes that are expected for meaningless text. */
const ARGUMENTS: Record<string, [field: string, outcomes: string[]]> = {
  "login's username": [
    `mutation ($v: String!) { login(username: $v, password: "p") { scheme } }`,
    ["BAD_USER_INPUT", "invalid_credentials"],
  ],
  "login's password": [
    `mutation ($v: String!) { login(username: "ada", password: $v) { scheme } }`,
    ["BAD_USER_INPUT", "invalid_credentials"],
  ],
  "emailLogin's email": [
    `mutation ($v: String!) { emailLogin(email: $v, password: "p") { scheme } }`,
    ["BAD_USER_INPUT", "invalid_credentials"],
  ],
  "emailLogin's scheme": [
    `mutation ($v: AuthScheme!) { emailLogin(email: "a@b.example", password: "p", scheme: $v) { scheme } }`,
    ["BAD_USER_INPUT"],
  ],
  refreshToken: [
    `mutation ($v: String!) { refreshToken(refresh: $v) { scheme } }`,
    ["token_not_valid"],
  ],
  verifyToken: [`mutation ($v: String!) { verifyToken(token: $v) { active } }`, ["inactive"]],
  logout: [`mutation ($v: String!) { logout(refresh: $v) { message } }`, ["token_not_valid"]],
  revokeSession: [`mutation ($v: ID!) { revokeSession(id: $v) { message } }`, ["BAD_USER_INPUT"]],
  ...Object.fromEntries(
    [
      ["userId", "in", "[ID!]"],
      ["username", "exact", "String"],
      ["username", "iexact", "String"],
      ["email", "icontains", "String"],
      ["createdAt", "gt", "DateTime"],
    ].map(([name, test, type]): [string, [string, string[]]] => [
      `allSessions' ${name!}.${test!}`,
      [
        `query ($v: ${type!}) { allSessions(where: { ${name!}: { ${test!}: $v } }) { edges { cursor } } }`,
        type === "DateTime" ? ["BAD_USER_INPUT"] : ["BAD_USER_INPUT", "nothing"],
      ],
    ]),
  ),
  "allSessions' after": [
    `query ($v: String) { allSessions(after: $v) { edges { cursor } } }`,
    ["BAD_USER_INPUT"],
  ],
};

describeGates((gate) => {
  let authorization: string;
  let ada: string;

  beforeAll(async () => {
    ada = await gate.user("ada", { email: "ada@example.com" });
    await gate.user("root", { role: "ADMIN" });
    ({ authorization } = await gate.login("root", "TOKEN"));
    await gate.login("ada");
  });

  /** The data that an injected statement could change. */
  const snapshot = async () => [
    await gate.sql(
      `SELECT id, username, username_key, email, password_hash, is_active FROM "user" ORDER BY id`,
    ),
    await gate.sql(`SELECT user_id, role FROM profile ORDER BY user_id`),
    await gate.sql(`SELECT id, user_id, scheme, generation, ended_at FROM session ORDER BY id`),
    await gate.sql(`SELECT kid, sealed_key, revoked_at FROM signing_key ORDER BY kid`),
  ];

  test.each(Object.entries(ARGUMENTS))(
    "W10, T-10, LG-9, LG-10: %s treats every odd text as plain text, and refuses it like any other wrong value",
    async (_name, [query, outcomes]) => {
      const before = await snapshot();
      // A few requests are sent at a time, because more would fill the queue for hashing, and some would be refused.
      for (let start = 0; start < TEXTS.length; start += 4) {
        const texts = TEXTS.slice(start, start + 4);
        let answers: Answer[] = [];
        const statements = await recordStatements(async () => {
          answers = await Promise.all(
            texts.map((v) => gate.ask(query, { authorization, variables: { v } })),
          );
        });
        const allowed = outcomes.map((name) => REFUSED[name]!);
        for (const [index, answer] of answers.entries()) {
          const isRefused = allowed.some((matches) => matches(answer));
          expect([texts[index], isRefused ? "refused" : answer.text]).toEqual([
            texts[index],
            "refused",
          ]);
          expect(answer.text).not.toMatch(/password_hash|sqlite|postgres|syntax|\b49\b|root:/i);
        }
        const odd = texts.filter((text) => text.length > 4);
        expect(
          statements.filter((statement) => odd.some((text) => statement.includes(text))),
        ).toEqual([]);
      }
      expect(await snapshot()).toEqual(before);
    },
  );

  test("W10: text that is stored from a request is read back unchanged", async () => {
    const userAgent = `x'); DROP TABLE session; -- \${7*7} %s <b>`;
    const query = `mutation { login(username: "ada", password: "${PASSWORD}", scheme: TOKEN) { token } }`;
    const { data } = await gate.ask(query, { headers: { "user-agent": userAgent } });
    const list = `{ sessions { userAgent } }`;
    const own = await gate.ask(list, { authorization: `Token ${data.login.token}` });
    expect(own.data.sessions.map((session: any) => session.userAgent)).toContain(userAgent);
  });

  test("LG-9: a name that only looks like a user's is refused, and an equivalent spelling logs in that user", async () => {
    const same = ["ADA", "ａｄａ", "𝐚𝐝𝐚", "Ⓐⓓⓐ"];
    const alike = ["аda", "adа", "ad\u0430", "αda", "a\u200dda", "ada\u2060", "a\u00adda", "аԁа"];
    const query = `mutation ($u: String!) { login(username: $u, password: "${PASSWORD}") { user { id } } }`;
    for (const u of same) {
      const { data } = await gate.ask(query, { variables: { u } });
      expect([u, data?.login.user.id]).toEqual([u, ada]);
    }
    for (const u of alike) {
      const answer = await gate.ask(query, { variables: { u } });
      expect([u, answer.data]).toEqual([u, null]);
      expect(["invalid_credentials", undefined]).toContain(answer.reason);
      expect(["UNAUTHENTICATED", "BAD_USER_INPUT"]).toContain(answer.code);
    }
  });

  test("JW-10, T-09: prototype keys in the body change neither rights nor objects of the server", async () => {
    const evil = `{"role":"ADMIN","isAdmin":true,"polluted":1,"user":{"role":"ADMIN"}}`;
    const query = JSON.stringify("{ allSessions { edges { cursor } } }");
    for (const body of [
      `{"query":${query},"__proto__":${evil}}`,
      `{"query":${query},"constructor":{"prototype":${evil}}}`,
      `{"query":${query},"variables":{"__proto__":${evil}}}`,
      `{"query":${query},"variables":{"constructor":{"prototype":${evil}}}}`,
      `{"query":${query},"extensions":{"__proto__":${evil}}}`,
      `{"__proto__":{"query":${query}}}`,
    ]) {
      const response = await fetch(`${gate.url}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
      });
      const text = await response.text();
      expect(response.status).toBeLessThan(500);
      expect(JSON.parse(text).data ?? null).toBeNull();
      expect(["BAD_REQUEST", "UNAUTHENTICATED"]).toContain(
        JSON.parse(text).errors[0].extensions.code,
      );
    }
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    expect(({} as Record<string, unknown>)["isAdmin"]).toBeUndefined();
  });

  describe("AZ-7: a protected property", () => {
    const FORBIDDEN = ["role", "isActive", "isStaff", "verified", "id", "passwordHash", "userId"];

    test("is not an argument of any operation", async () => {
      const { schema } = gate.auth;
      const roots = [
        ["query", schema.getQueryType()!],
        ["mutation", schema.getMutationType()!],
      ] as const;
      const before = await snapshot();
      for (const [kind, root] of roots) {
        for (const field of Object.values(root.getFields())) {
          const names = FORBIDDEN.filter((name) => !field.args.some((arg) => arg.name === name));
          const below = isObjectType(getNamedType(field.type)) ? "{ __typename }" : "";
          for (const name of names) {
            const query = `${kind} { ${field.name}(${name}: ADMIN) ${below} }`;
            const { status, code, errors } = await gate.ask(query, { authorization });
            expect([status, code]).toEqual([400, "GRAPHQL_VALIDATION_FAILED"]);
            expect(errors!.some(({ message }) => message.startsWith("Unknown argument"))).toBe(
              true,
            );
          }
        }
      }
      expect(await snapshot()).toEqual(before);
    });

    test("is not a field of any input, by variable or in the document", async () => {
      const inputs = Object.values(gate.auth.schema.getTypeMap()).filter(isInputObjectType);
      expect(inputs.length).toBeGreaterThan(0);
      const filter = gate.auth.schema.getType("SessionFilter");
      const fields = isInputObjectType(filter) ? Object.values(filter.getFields()) : [];
      const nested = fields.filter(({ type }) => !isScalarType(getNamedType(type)));
      const paths = [
        (extra: object) => extra,
        ...nested
          .filter(({ type }) => isInputObjectType(getNamedType(type)))
          .map(({ name }) => (extra: object) => ({ [name]: extra })),
      ];
      for (const wrap of paths) {
        for (const name of FORBIDDEN.filter((name) => name !== "userId")) {
          const where = wrap({ [name]: "ADMIN" });
          const byVariable = await gate.ask(
            `query ($w: SessionFilter) { allSessions(where: $w) { edges { cursor } } }`,
            { authorization, variables: { w: where } },
          );
          expect([byVariable.status, byVariable.code]).toEqual([400, "BAD_USER_INPUT"]);
          const literal = JSON.stringify(where).replace(/"(\w+)":/g, "$1:");
          const inDocument = await gate.ask(
            `{ allSessions(where: ${literal}) { edges { cursor } } }`,
            { authorization },
          );
          expect([inDocument.status, inDocument.code]).toEqual([400, "GRAPHQL_VALIDATION_FAILED"]);
        }
      }
    });

    test("is not set by a variable that the document does not declare", async () => {
      const query = `mutation ($u: String!, $p: String!) { login(username: $u, password: $p) { user { id isActive profile { role } } } }`;
      const extra = Object.fromEntries(FORBIDDEN.map((name) => [name, "ADMIN"]));
      const variables = { u: "ada", p: PASSWORD, ...extra, user: extra, profile: extra };
      const { data } = await gate.ask(query, { variables });
      expect(data.login.user).toEqual({ id: ada, isActive: true, profile: { role: "USER" } });
    });
  });
});
