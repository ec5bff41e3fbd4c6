import { connect } from "node:net";
import { beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { documents } from "../support/documents.js";
import { PASSWORD, setUpGate, type Tokens } from "../support/gate.js";
import { cpuOf } from "../support/measure.js";

const CANARY = "c4n4ry7f3";
const SEED = Number(process.env["FUZZ_SEED"] ?? Date.now() % 2 ** 31);
/** The time limit of one property, in milliseconds. */
const TIME_LIMIT = 6_000;

/** The codes that an error may have: ours, GraphQL's and Apollo Server's. */
const CODES = [
  "UNAUTHENTICATED",
  "FORBIDDEN",
  "BAD_USER_INPUT",
  "TOO_MANY_REQUESTS",
  "SERVICE_UNAVAILABLE",
  "GRAPHQL_PARSE_FAILED",
  "GRAPHQL_VALIDATION_FAILED",
  "OPERATION_RESOLUTION_FAILURE",
  "PERSISTED_QUERY_NOT_SUPPORTED",
  "BAD_REQUEST",
];
/** Words of the server's internals. */
const INSIDE =
  /node_modules|\bat (async )?\S+ \(|\.[cm]?[jt]s\b|file:\/\/|\/work\/|\/tmp\/|stack|sqlite|postgres|mikro|knex|fastify|apollo|typegraphql|type-graphql|jsonwebtoken|argon2|\b(SELECT|INSERT|UPDATE|DELETE) |TypeError|undefined/i;

/** Texts for arguments: attacks, and values that JavaScript code often handles wrongly. */
const TEXTS = [
  "",
  "ada",
  PASSWORD,
  `${CANARY}' OR 1=1 --`,
  `${CANARY}__proto__`,
  "constructor",
  `\0${CANARY}`,
  "\u202e\u200b\ufeff",
  "\ud83d\ude00".repeat(50),
  "e30.e30.e30",
  "gth_x",
  "x".repeat(5000),
];

interface WireAnswer {
  status: number;
  text: string;
}

/** POSTs a good query with these header lines, in Latin-1, and waits for the whole response. */
function sendLines(url: string, lines: string[], query = "{ me { id } }"): Promise<WireAnswer> {
  const { hostname, port, host } = new URL(url);
  const body = JSON.stringify({ query });
  const isTyped = lines.some((line) => line.startsWith("Content-Type:"));
  const isNamed = lines.some((line) => line.startsWith("Host:"));
  const head = [
    "POST /graphql HTTP/1.1",
    ...(isNamed ? [] : [`Host: ${host}`]),
    `Content-Length: ${body.length}`,
    "Connection: close",
    ...(isTyped ? [] : ["Content-Type: application/json"]),
    ...lines,
  ].join("\r\n");
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => {
      socket.write(Buffer.from(`${head}\r\n\r\n${body}`, "latin1"));
    });
    socket.setTimeout(60_000, () =>
      socket.destroy(new Error(`no answer to ${JSON.stringify(lines)}`)),
    );
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", reject);
    socket.on("close", () => {
      const answer = Buffer.concat(chunks)
        .toString("utf8")
        .replace(/^HTTP\/1.1 100 Continue\r\n\r\n/, "");
      const end = answer.indexOf("\r\n\r\n");
      resolve({ status: Number(answer.slice(9, 12)), text: answer.slice(end + 4) });
    });
  });
}

describe("a random request", () => {
  const gate = setUpGate();
  let good: Tokens;
  let fuzzer: string;
  let victim: Tokens;

  beforeAll(async () => {
    await gate.user("ada", { email: "ada@example.com" });
    fuzzer = await gate.user("mallory", { role: "ADMIN", password: null });
    [good, victim] = [await gate.login("ada", "TOKEN"), await gate.login("ada")];
    console.log(`FUZZ_SEED=${SEED}`);
  });

  const run = async <T extends [unknown, ...unknown[]]>(
    numRuns: number,
    property: fc.IAsyncProperty<T>,
  ) => {
    await fc.assert(property, {
      seed: SEED,
      numRuns,
      endOnFailure: true,
      interruptAfterTimeLimit: TIME_LIMIT,
      markInterruptAsFailure: false,
    });
    expect((await gate.me(good.authorization)).data.me.username).toBe("ada");
  };

  async function post(body: string, headers: Record<string, string> = {}): Promise<WireAnswer> {
    const response = await fetch(`${gate.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body,
    });
    return { status: response.status, text: await response.text() };
  }

  /** Returns a working credential, even if the last one was logged out. */
  const freshCredential = async () =>
    `Token ${(await gate.auth.tokens.StaticToken.create({ id: fuzzer })).key}`;

  /** Expects a known status, a body in the shape of GraphQL, known codes, and no internals. */
  function expectSound({ status, text }: WireAnswer): void {
    const isOverloaded = status === 503 && text.includes("SERVICE_UNAVAILABLE");
    expect(isOverloaded || (status >= 200 && status < 500)).toBe(true);
    const body = JSON.parse(text);
    expect(Object.keys(body).filter((key) => !["data", "errors"].includes(key))).toEqual([]);
    expect("data" in body || "errors" in body).toBe(true);
    if (!("errors" in body)) return;
    expect(Array.isArray(body.errors) && body.errors.length > 0 && body.errors.length <= 10).toBe(
      true,
    );
    for (const { message, extensions, locations, path, ...rest } of body.errors) {
      expect([typeof message, rest]).toEqual(["string", {}]);
      expect(CODES).toContain(extensions.code);
      const known = ["code", "reason", "retryAfter", "freshWithin", "max_age", "problems"];
      expect(Object.keys(extensions).filter((key) => !known.includes(key))).toEqual([]);
      expect([
        locations === undefined || Array.isArray(locations),
        path === undefined || Array.isArray(path),
      ]).toEqual([true, true]);
    }
    expect(JSON.stringify(body.errors)).not.toMatch(INSIDE);
  }

  test("GQ-11, GQ-12: with a valid document is executed, for every caller", async () => {
    const texts = [...TEXTS, victim.session.id, victim.refresh, victim.access, good.token];
    const valid = documents(gate.auth.schema, { texts });
    const asked = fc.constantFrom("anonymous", "fuzzer", "fuzzer", "bad");
    const property = fc.asyncProperty(valid, asked, async (query, who) => {
      const authorization = { anonymous: "", bad: "Bearer x.y.z", fuzzer: "" }[who];
      const used = who === "fuzzer" ? await freshCredential() : authorization;
      const answer = await post(JSON.stringify({ query }), used ? { authorization: used } : {});
      expectSound(answer);
    });
    await run(150, property);
  });

  test("GQ-1 to GQ-12: with a damaged document is executed or refused with a GraphQL error", async () => {
    const damage = fc.record({
      at: fc.nat(400),
      cut: fc.nat(12),
      text: fc.oneof(
        fc.string({ unit: "binary", maxLength: 12 }),
        fc.constantFrom(
          "{",
          "}",
          "...",
          "...F1",
          "@skip",
          "@include(if: $x)",
          "($v: [[Int!]!]!)",
          '"""',
          "\\u{110000}",
          "9".repeat(400),
          "subscription { a }",
          "fragment F1 on Query { ...F1 }",
          "query A { me { id } } query B { me { id } }",
          "__schema { types { name } }",
          "scheme: NONE",
          CANARY,
        ),
      ),
    });
    const damaged = fc
      .tuple(
        documents(gate.auth.schema, { texts: TEXTS }),
        fc.array(damage, { minLength: 1, maxLength: 3 }),
      )
      .map(([document, damages]) =>
        damages.reduce((text, { at, cut, text: put }) => {
          const place = at % text.length;
          return `${text.slice(0, place)}${put}${text.slice(place + cut)}`;
        }, document),
      );
    const property = fc.asyncProperty(damaged, async (query) => {
      const authorization = await freshCredential();
      expectSound(await post(JSON.stringify({ query }), { authorization }));
    });
    await run(150, property);
  });

  test("GQ-12, T-09, T-10: with any JSON in its variables, including prototype keys, never crashes the server and is never repeated", async () => {
    const key = fc.oneof(
      fc.constantFrom(
        "v",
        "__proto__",
        "constructor",
        "prototype",
        "toString",
        "valueOf",
        "length",
        "in",
        "exact",
        "gt",
      ),
      fc.string({ maxLength: 6 }),
    );
    const { json } = fc.letrec<{ json: unknown }>((tie) => ({
      json: fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 1e308, 2 ** 53, CANARY, ...TEXTS),
        fc.string({ unit: "binary", maxLength: 20 }),
        fc.array(tie("json"), { maxLength: 4 }),
        fc
          .array(fc.tuple(key, tie("json")), { maxLength: 4 })
          .map((entries) => Object.fromEntries(entries) as unknown),
      ),
    }));
    const OPERATIONS = [
      `mutation ($v: String!) { login(username: $v, password: "p") { scheme } }`,
      `mutation ($v: String!, $w: AuthScheme!) { emailLogin(email: "a@b", password: $v, scheme: $w) { scheme } }`,
      `mutation ($v: String!) { refreshToken(refresh: $v) { scheme } }`,
      `mutation ($v: String!) { verifyToken(token: $v) { active } }`,
      `mutation ($v: String) { logout(refresh: $v) { message } }`,
      `mutation ($v: ID!) { revokeSession(id: $v) { message } }`,
      `query ($v: SessionFilter, $w: Int) { allSessions(where: $v, first: $w) { edges { cursor } } }`,
      `query ($v: [ID!], $w: DateTime) { allSessions(where: { userId: { in: $v }, createdAt: { gt: $w } }) { edges { cursor } } }`,
      `query ($v: String) { allSessions(after: $v, where: { username: { iexact: $v }, email: { icontains: $v } }) { edges { cursor } } }`,
      `query ($v: Boolean!) { me { id @include(if: $v) username } }`,
    ];
    const authorization = await freshCredential();
    const property = fc.asyncProperty(
      fc.constantFrom(...OPERATIONS),
      json,
      json,
      json,
      async (query, v, w, odd) => {
        // The values are JSON text, because the key __proto__ in an object literal would set its prototype.
        const text = (value: unknown) => JSON.stringify(value);
        const bodies = [
          `{"query":${text(query)},"variables":{"v":${text(v)},"w":${text(w)}}}`,
          `{"query":${text(query)},"variables":{"__proto__":{"v":${text(v)}},"constructor":${text(w)},"v":${text(odd)}}}`,
        ];
        for (const body of bodies) {
          const answer = await post(body, { authorization });
          expectSound(answer);
          expect(answer.text).not.toContain(CANARY);
        }
      },
    );
    await run(75, property);
    expect(({} as Record<string, unknown>)["v"]).toBeUndefined();
  });

  test("GQ-7, GQ-10: with any body is executed or is 4xx", async () => {
    const property = fc.asyncProperty(
      fc.json({ maxDepth: 3 }),
      fc.json({ maxDepth: 2 }),
      async (value, other) => {
        const query = `"query":"{ me { id } }"`;
        for (const body of [
          value,
          `{"query":${value}}`,
          `{${query},"variables":${value},"operationName":${other}}`,
          `{${query},"extensions":${value}}`,
          `{${query},"${CANARY}":${value},"__proto__":${other}}`,
          `{${query}`.slice(0, value.length),
        ]) {
          expectSound(await post(body));
        }
      },
    );
    await run(20, property);
  });

  test("H-05 to H-25, GQ-10: with any header lines always gets a response, never a 5xx", async () => {
    const line = (name: string, value: fc.Arbitrary<string>) =>
      value.map((text) => `${name}: ${text}`);
    const bytes = fc
      .array(fc.integer({ min: 1, max: 255 }), { maxLength: 30 })
      .map((codes) => String.fromCharCode(...codes).replace(/[\r\n]/g, ""));
    const parts = fc.constantFrom(
      "Bearer",
      "Token",
      "bearer",
      "Basic",
      " ",
      "  ",
      "\t",
      ",",
      "=",
      good.token,
      victim.access,
      "e30.e30.e30",
      "\xe9",
      '"',
      "\0",
    );
    const authorization = fc.array(parts, { maxLength: 5 }).map((all) => all.join(""));
    const type = fc.constantFrom(
      "application/json",
      "application/json; charset=ibm037",
      "application/json;charset=utf-16le",
      "text/plain",
      "multipart/form-data; boundary=x",
      "application/x-www-form-urlencoded",
      "application/graphql",
      "a/b;c",
      "",
      "application/json, text/plain",
    );
    const accept = fc.constantFrom(
      "*/*",
      "text/html",
      "application/graphql-response+json",
      "multipart/mixed",
      "application/json;q=0",
      ",,;;",
      "q=1",
      "image/png, */*;q=0.1",
    );
    const lines = fc.array(
      fc.oneof(
        line("Authorization", fc.oneof(authorization, bytes)),
        line("Content-Type", fc.oneof(type, bytes)),
        line("Accept", fc.oneof(accept, bytes)),
        line("Content-Encoding", fc.constantFrom("gzip", "identity", "br, gzip", "x", "")),
        line("X-Forwarded-For", fc.oneof(fc.constantFrom("1.2.3.4, ::1", "unknown"), bytes)),
        line("Cookie", bytes),
        line("User-Agent", bytes),
        line("Expect", fc.constantFrom("100-continue", "200-ok")),
        line("X-HTTP-Method-Override", fc.constantFrom("GET", "DELETE")),
        line("Origin", fc.constantFrom("null", "http://evil.example", "")),
      ),
      { maxLength: 4 },
    );
    const property = fc.asyncProperty(lines, async (odd) => {
      const answer = await sendLines(gate.url, odd);
      expect(answer.text).not.toContain(good.token);
      expectSound(answer);
    });
    await run(120, property);
  });
});

describe("a long header or field", () => {
  const gate = setUpGate({
    refreshCookie: true,
    trustedProxies: ["127.0.0.1"],
    graphiql: false,
    corsOrigins: ["https://app.example.com"],
    loginFailuresPerAccount: 100,
  });
  let good: Tokens;

  beforeAll(async () => {
    await gate.user("ada", { role: "ADMIN" });
    good = await gate.login("ada", "TOKEN");
  });

  /** Headers that our code or a library reads. Node accepts at most 16 KiB of headers. */
  const HEADERS = [
    "Accept",
    "Accept-Version",
    "Access-Control-Request-Headers",
    "Authorization",
    "Content-Encoding",
    "Content-Type",
    "Cookie",
    "Expect",
    "Forwarded",
    "Host",
    "Origin",
    "User-Agent",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Gatehouse-Csrf",
    "X-Request-Id",
  ];
  const HEADER_LENGTH = 15_000;
  /** Documents with a variable `$v` for a long text. A request may have at most 100 KiB. */
  const FIELDS = [
    `mutation ($v: String!) { login(username: $v, password: "p") { scheme } }`,
    `mutation ($v: String!) { login(username: "nobody", password: $v) { scheme } }`,
    `mutation ($v: String!) { emailLogin(email: $v, password: "p") { scheme } }`,
    `mutation ($v: String!) { refreshToken(refresh: $v) { scheme } }`,
    `mutation ($v: String!) { verifyToken(token: $v) { active } }`,
    `mutation ($v: String!) { logout(refresh: $v) { message } }`,
    `mutation ($v: ID!) { revokeSession(id: $v) { message } }`,
    `query ($v: String) { allSessions(after: $v) { edges { cursor } } }`,
    `query ($v: String) { allSessions(where: { username: { iexact: $v } }) { edges { cursor } } }`,
    `query ($v: String) { allSessions(where: { email: { icontains: $v } }) { edges { cursor } } }`,
    `query ($v: [ID!]) { allSessions(where: { userId: { in: $v } }) { edges { cursor } } }`,
    `query ($v: DateTime) { allSessions(where: { createdAt: { gt: $v } }) { edges { cursor } } }`,
    `query ($v: Boolean!) { me { id @include(if: $v) } }`,
    `mutation ($v: AuthScheme!) { login(username: "a", password: "p", scheme: $v) { scheme } }`,
  ];
  const FIELD_LENGTH = 80_000;
  /** Documents with a long text in place of `%`. A document may have at most 15,000 characters. */
  const DOCUMENTS = [
    "{ %",
    "{ me { id } } # %",
    `{ a(b: "%") }`,
    `{ a(b: """%""") }`,
    "query %",
    "{ me @%",
    "%",
  ];
  const DOCUMENT_LENGTH = 14_000;

  type Send = (length: number) => Promise<WireAnswer>;

  /** Returns a function that sends a text of a given length in one place of a request. */
  function sender(place: string, [start, unit, end]: readonly [string, string, string]): Send {
    const spell = (length: number) =>
      start + unit.repeat(Math.ceil((length - start.length) / unit.length)) + end;
    if (HEADERS.includes(place)) {
      const refresh = "mutation { refreshToken { access } }";
      const others = ["Cookie: __Host-gatehouse-refresh=x", "X-Gatehouse-Csrf: 1"];
      const lines = others.filter((line) => !line.startsWith(place));
      return (length) => sendLines(gate.url, [`${place}: ${spell(length)}`, ...lines], refresh);
    }
    const isField = FIELDS.includes(place);
    return async (length) => {
      const body = isField
        ? { query: place, variables: { v: spell(length) } }
        : { query: place.replace("%", () => spell(length)) };
      const response = await fetch(`${gate.url}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: good.authorization },
        body: JSON.stringify(body),
      });
      return { status: response.status, text: await response.text() };
    };
  }

  /**
   * The number of attempts at one measurement. The cheapest counts, because other processes may run at the same time.
   */
  const ATTEMPTS = 20;

  /**
   * Returns how much more CPU a text of twice the length takes. The result is up to 2 for linear time, and 4 for
   * quadratic time. A high result is measured again.
   */
  async function growth(send: Send, length: number): Promise<number> {
    let [short, long] = [Infinity, Infinity];
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      // The longer text comes first, because the first use of a regular expression includes its compilation.
      long = Math.min(long, await cpuOf(() => send(length)));
      short = Math.min(short, await cpuOf(() => send(length / 2)));
      if (long / short < 2.2) break;
    }
    return long / short;
  }

  const lengthOf = (place: string) =>
    HEADERS.includes(place)
      ? HEADER_LENGTH
      : FIELDS.includes(place)
        ? FIELD_LENGTH
        : DOCUMENT_LENGTH;

  const ODD = Array.from(" \t\"\\,;:=/.*()[]{}<>@%&?#'a1-_~$!|^+");
  const STARTS = [
    "",
    "application/json",
    "application/json;",
    'a/b;x="',
    "Bearer ",
    "Token ",
    "http://",
    "a@",
    '"',
    "__Host-gatehouse-refresh=",
  ];
  const ENDS = ["", "x", '"', ";", "!", "@"];
  const shape = fc.tuple(
    fc.constantFrom(...STARTS),
    fc.string({ unit: fc.constantFrom(...ODD), minLength: 1, maxLength: 4 }),
    fc.constantFrom(...ENDS),
  );

  test.each<[string, readonly [string, string, string]]>([
    ["Accept", ['"', ',""', ""]],
    ["Accept", ['a/b;"', ';""', ""]],
    ["Accept", ["", "a/b;q=1,", ""]],
    ["Content-Type", ["application/json;", " ", "x"]],
    ["Content-Type", ["application/json", " ;", "x"]],
    ["Content-Type", ["application/json;charset=utf-8", " ", "x"]],
    ["Cookie", ["", ";", "="]],
    ["X-Forwarded-For", ["", "1.1.1.1,", ""]],
  ])("GQ-15: in %s takes linear CPU: %j", async (place, pattern) => {
    expect(await growth(sender(place, pattern), HEADER_LENGTH)).toBeLessThan(3);
  });

  test.each([
    ["headers", HEADERS],
    ["fields", FIELDS],
    ["documents", DOCUMENTS],
  ])("GQ-15: of any shape takes linear CPU in all %s", async (_what, places) => {
    const property = fc.asyncProperty(fc.constantFrom(...places), shape, async (place, pattern) => {
      expect(await growth(sender(place, pattern), lengthOf(place))).toBeLessThan(3);
    });
    await fc.assert(property, {
      seed: SEED,
      numRuns: 60,
      endOnFailure: true,
      interruptAfterTimeLimit: TIME_LIMIT,
      markInterruptAsFailure: false,
    });
  });
});
