import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { LISTENS, runCommand } from "../support/command.js";
import { Gate, PASSWORD } from "../support/gate.js";
import { startNode, waitForLine } from "../support/node-process.js";
import { rawRequest, sendRaw } from "../support/wire.js";

const DIST = fileURLToPath(new URL("../../dist", import.meta.url));
const CLI = join(DIST, "cli.js");
/** Part of every value that must not appear anywhere. */
const CANARY = "c4n4ry";
/** Characters that forge lines and colours in a log. */
const CONTROLS = '\r\n{"level":30,"msg":"forged"}\u001b[31m\u009b31m\u2028\u2029\u0085';
const RIGHT_PASSWORD = `${CANARY} horse battery staple`;

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

describe("the log and the database of a server that receives secrets everywhere", () => {
  let folder: string;
  let output: string;
  let requests: Record<string, unknown>[];
  let audits: Record<string, unknown>[];
  let files: string;
  let sent = 0;
  const secrets: string[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "leaks-"));
    const env = {
      SECRET_KEY: `${CANARY}${randomBytes(32).toString("base64url")}`,
      PORT: "0",
      LOG_LEVEL: "trace",
      TRUSTED_PROXIES: "127.0.0.1",
      PUBLIC_URL: "https://auth.example.com",
      CORS_ORIGINS: "https://good.example.com",
      LOGINS_PER_ADDRESS: "1000",
      REQUESTS_PER_ADDRESS: "1000",
    };
    const start = { cwd: folder, env };
    await runCommand(["migrate", "--create"], start);
    await runCommand(["create-user", "ada", "--password-stdin"], {
      ...start,
      input: RIGHT_PASSWORD,
    });
    const { child, ended } = startNode([CLI, "serve"], start);
    const [, url = ""] = await waitForLine(child, LISTENS);
    const send = async (body: string, lines: string[] = [], first?: string) => {
      sent += 1;
      return sendRaw(url, rawRequest(body, lines, first));
    };
    const ask = async (query: string, rest: object = {}, lines: string[] = []) =>
      JSON.parse((await send(JSON.stringify({ query, ...rest }), lines)).text);

    const LOGIN = `mutation LegalName($u: String!, $p: String!) { login(username: $u, password: $p) { access refresh } }`;
    const variables = { u: "ada", p: RIGHT_PASSWORD };
    const agent = [`User-Agent: agent-of-a-session`];
    const { access, refresh } = (await ask(LOGIN, { variables }, agent)).data.login;
    const next = (await ask(`mutation { refreshToken(refresh: "${refresh}") { access refresh } }`))
      .data.refreshToken;
    secrets.push(access, refresh, next.access, next.refresh);
    await ask("{ me { id } }", {}, [`Authorization: Bearer ${next.access}`]);

    for (const value of [CANARY, `${CANARY}${CONTROLS}`, `${CANARY}@example.com`]) {
      const odd = { variables: { u: value, p: value, t: value } };
      await ask(LOGIN, odd);
      await ask(
        "mutation ($t: String!, $p: String!) { emailLogin(email: $t, password: $p) { scheme } }",
        odd,
      );
      for (const field of [
        "refreshToken(refresh: $t) { scheme }",
        "verifyToken(token: $t) { active }",
        "logout(refresh: $t) { message }",
      ]) {
        await ask(`mutation ($t: String!) { ${field} }`, odd);
        await ask(`mutation ($t: String!) { ${field} }`, {
          variables: { t: { [value]: [value] } },
        });
      }
      const literal = JSON.stringify(value).replaceAll("\u2028", " ");
      await ask(`mutation { login(username: ${literal}, password: ${literal}) { scheme } }`);
      await ask(`mutation { login(username: "ada", password: [${literal}]) { ${CANARY} } }`);
      await ask(`mutation { login(username: "ada" password: "${value} `);
      await ask(
        `query ($v: ID = "x") { allSessions(where: { userId: { in: [${literal}, $v] } }) { pageInfo { hasNextPage } } }`,
        { variables: { v: null } },
      );
      await ask("{ __typename }", {
        operationName: value,
        variables: { [value]: value },
        extensions: { [value]: value },
        [value]: value,
      });
      await ask(`query A { __typename } query B { __typename }`, { operationName: value });
      await send(`{"password": "${value}`);
      await send(`["${value}"]`);
      await send(value);
      await send(JSON.stringify({ query: value }));
    }
    const header = `${CANARY}\u001b[31m\u009b31m`.replaceAll("\u001b", "");
    for (const name of [
      "Authorization",
      "Cookie",
      "User-Agent",
      "X-Forwarded-For",
      "X-Forwarded-Host",
      "X-Forwarded-Proto",
      "X-Real-IP",
      "Forwarded",
      "Origin",
      "Referer",
      "Accept",
      "X-Request-Id",
      "Request-Id",
      "Traceparent",
      "X-Unknown",
      CANARY,
      "Content-Type",
      "Content-Encoding",
      "Host",
    ]) {
      await send(`{"query":"{ me { id } }"}`, [`${name}: ${header}`]);
    }
    await send(`{"query":"{ me { id } }"}`, [
      `Authorization: Bearer ${CANARY}.${CANARY}.${CANARY}`,
    ]);
    await send(`{"query":"{ me { id } }"}`, [`Authorization: Token gth_${CANARY}`]);
    await send("", [], `GET /${CANARY}?password=${CANARY}%0d%0a%1b HTTP/1.1`);
    await send("", [], `GET /%zz${CANARY} HTTP/1.1`);
    await send(`{"query":"{ __typename }"}`, [], `POST /graphql?${CANARY}=${CANARY} HTTP/1.1`);
    await send("", [], `GET http://${CANARY}/${CANARY} HTTP/1.1`);
    await send(CANARY.repeat(20_000));
    await ask(`query ${"X".repeat(14_000)} { __typename }`);
    // Malformed requests are logged too.
    await send("", [`Bad Header: ${CANARY}`], `POST /${CANARY} HTTP/1.1`);
    await send("", [`X: ${CANARY.repeat(3000)}`]);
    await send("", [], `${CANARY} ${CANARY} ${CANARY}`);
    await ask("mutation { logout { message } }", {}, [`Authorization: Bearer ${next.access}`]);

    child.kill("SIGTERM");
    const { stdout, stderr } = await ended;
    output = stdout + stderr;
    const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
    const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    requests = records.filter(({ msg }) => msg === "request");
    audits = records.filter(({ msg }) => msg === "audit");
    const data = join(folder, "data");
    files = readdirSync(data)
      .map((name) => readFileSync(join(data, name), "latin1"))
      .join("\n");
  });

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test("OP-4: contain nothing of the input", () => {
    expect(sent).toBeGreaterThan(80);
    const forms = [
      CANARY,
      Buffer.from(CANARY).toString("base64").slice(0, 7),
      Buffer.from(CANARY).toString("hex"),
      [...Buffer.from(CANARY)].join(","),
    ];
    const signatures = secrets.map((secret) => secret.split(".")[2] ?? secret);
    const words = [...forms, ...secrets, ...signatures];
    for (const sink of [output, files]) {
      expect(words.filter((word) => sink.includes(word))).toEqual([]);
      const lines = sink.split("\n").filter((line) => line.includes(CANARY));
      expect(lines).toEqual([]);
    }
  });

  test("OP-4: contain of a request only what is documented: the operation's name, and the user agent of a session", () => {
    expect(output).toContain("LegalName");
    expect(output).not.toContain("agent-of-a-session");
    expect(files).toContain("agent-of-a-session");
  });

  test("OP-4: the log has one line per request, with id, operation, time, status and outcome", () => {
    expect(requests.length).toBe(sent);
    const ids = requests.flatMap(({ reqId }) => (reqId === undefined ? [] : [reqId]));
    // Three requests were malformed, and have no id.
    expect([ids.length, new Set(ids).size]).toEqual([sent - 3, sent - 3]);
    const [first] = requests;
    expect(output).not.toContain("X".repeat(129));
    expect(first).toEqual({
      level: 30,
      time: expect.any(Number),
      reqId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      method: "POST",
      path: "/graphql",
      ip: "127.0.0.1",
      status: 200,
      ms: expect.any(Number),
      operation: "LegalName",
      outcome: "ok",
      msg: "request",
    });
    const outcomes = new Set(requests.map(({ outcome }) => outcome));
    for (const outcome of ["ok", "UNAUTHENTICATED", "BAD_USER_INPUT", "BAD_REQUEST"]) {
      expect(outcomes).toContain(outcome);
    }
  });

  test("OP-4: the log escapes line ends and control characters of the input", () => {
    expect(output).not.toMatch(/[\r\u001b\u0080-\u009f\u2028\u2029]/);
    expect(output).not.toContain("forged");
  });

  test("LG-12: each audit record has the request's id and its address", () => {
    const types = new Set(audits.map(({ audit }) => audit));
    expect([...types].sort()).toEqual([
      "login_failed",
      "session_ended",
      "token_issued",
      "token_refreshed",
    ]);
    const known = new Set(requests.map(({ reqId }) => reqId));
    for (const { reqId, ip } of audits) {
      expect(known).toContain(reqId);
      expect(ip).toBe("127.0.0.1");
    }
  });
});

describe("a bug", () => {
  test("GQ-11: is masked for the client: one text, one code, and the id of the request", async () => {
    const gate = await Gate.open();
    try {
      await gate.user("ada");
      const { authorization } = await gate.login("ada");
      const { me } = gate.auth.schema.getQueryType()?.getFields() ?? {};
      if (me === undefined) throw new Error("The schema has no `me`.");
      const thrown = [
        new Error(`SELECT ${CANARY} FROM user`),
        Object.assign(new TypeError(CANARY), { code: "SQLITE_ERROR", extensions: { a: CANARY } }),
        CANARY,
        { message: CANARY, extensions: { code: CANARY } },
        null,
      ] as unknown as Error[];
      for (const error of thrown) {
        me.resolve = () => Promise.reject(error);
        const answer = await gate.me(authorization);
        expect([answer.status, answer.code]).toEqual([500, "INTERNAL_SERVER_ERROR"]);
        expect(answer.errors).toEqual([
          {
            message: "Internal server error.",
            locations: expect.any(Array),
            path: ["me"],
            extensions: {
              code: "INTERNAL_SERVER_ERROR",
              requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
            },
          },
        ]);
        expect(answer.text).not.toContain(CANARY);
      }
    } finally {
      await gate.close();
    }
  });
});

describe("the memory of a server", () => {
  test("O-10: grows by less than 20 MB over a thousand hostile requests of nine kinds, and `me` still answers", async () => {
    const folder = mkdtempSync(join(tmpdir(), "memory-"));
    const script = `
      import { createServer } from ${JSON.stringify(join(DIST, "index.js"))};
      const server = await createServer({ databaseUrl: "sqlite:memory.sqlite", port: 0, logLevel: "silent",
        secretKey: ${JSON.stringify(randomBytes(32).toString("base64url"))}, requestsPerAddress: 1_000_000,
        connectionsPerAddress: 1000 });
      await server.auth.accounts.createUser({ username: "ada", password: ${JSON.stringify(PASSWORD)} });
      process.stdin.on("data", () => {
        gc();
        setTimeout(() => { gc(); console.log(JSON.stringify(process.memoryUsage())); }, 50);
      });
      console.log(server.url);`;
    const child = spawn(process.execPath, ["--expose-gc", "--input-type=module", "-e", script], {
      cwd: folder,
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const read = async () => String((await lines.next()).value);
    try {
      const url = await read();
      const measure = async () => {
        child.stdin.write("\n");
        const { heapUsed, external, rss } = JSON.parse(await read()) as NodeJS.MemoryUsage;
        return { heap: (heapUsed + external) / 2 ** 20, rss: rss / 2 ** 20 };
      };
      const post = async (body: string, authorization = "") => {
        const headers = { "content-type": "application/json", authorization };
        const answer = await fetch(`${url}/graphql`, { method: "POST", headers, body });
        return answer.text();
      };
      const ask = (query: string, authorization?: string) =>
        post(JSON.stringify({ query }), authorization);
      const login = (password: string) =>
        ask(`mutation { login(username: "ada", password: "${password}") { access } }`);
      const { access } = JSON.parse(await login(PASSWORD)).data.login;
      const kinds: ((index: number) => Promise<string>)[] = [
        (index) => ask(`{ me { ${"id ".repeat(100)} a${index}: id } }`),
        (index) => ask(`{ a${index}: me { id } #${"-".repeat(10_000)}\n }`),
        (index) => ask(`{ ...A${index} } fragment A${index} on Query { ...A${index} }`),
        (index) => post(`{"query":"${index}${"x".repeat(101_000)}"}`),
        (index) => post(`${index}${"[".repeat(100_000)}`),
        (index) => post(" ".repeat(300_000) + String(index)).catch(() => ""),
        (index) => login(`wrong ${index}`),
        (index) => ask("{ me { id } }", `Bearer ${index}.${"x".repeat(3000)}.y`),
        (index) => ask("{ me { id } }", `Token gth_${index}`),
      ];
      const attack = async (from: number, to: number) => {
        for (let index = from; index < to; index += 10) {
          const batch = numbers(10).flatMap((offset) => kinds.map((kind) => kind(index + offset)));
          await Promise.all(batch);
        }
      };
      // Memory that is allocated once, such as compiled code, is not a leak.
      await attack(0, 60);
      const before = await measure();
      await attack(60, 180);
      // The process returns memory to the system a little after the heap has freed it.
      let after = await measure();
      for (let tries = 0; tries < 50 && after.rss - before.rss >= 20; tries += 1) {
        after = await measure();
      }
      expect(after.heap - before.heap).toBeLessThan(20);
      expect(after.rss - before.rss).toBeLessThan(20);
      expect(
        JSON.parse(await ask("{ me { username } }", `Bearer ${access}`)).data.me.username,
      ).toBe("ada");
    } finally {
      child.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
