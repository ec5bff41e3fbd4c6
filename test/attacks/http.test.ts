import { createHook } from "node:async_hooks";
import { brotliCompressSync, deflateSync, gunzipSync, gzipSync } from "node:zlib";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Server as HttpServer } from "node:http";
import { networkInterfaces } from "node:os";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { eventually } from "../support/eventually.js";
import { type Gate, PASSWORD, setUpGate, type Tokens } from "../support/gate.js";
import { cpuOf, cpuOfPassword, leastOf, ownTimeOf } from "../support/measure.js";
import {
  askWithLines,
  type Connection,
  openConnection,
  rawRequest,
  sendRaw,
} from "../support/wire.js";

const ME = `{"query":"{ me { username } }"}`;
const TYPENAME = `{"query":"{ __typename }"}`;
const LOGIN = `mutation { login(username: "ada", password: "${PASSWORD}") { access } }`;

const gate = setUpGate({ connectionsPerAddress: 50 });
/** The same server with CORS, behind a proxy. */
let proxied: Gate;
let ada: Tokens;
let eve: Tokens;
/** A connection that sends one header line each second, while the other tests run. */
let slow: {
  connection: Connection;
  drip: NodeJS.Timeout;
  milliseconds: Promise<number>;
  ownTime: Promise<number>;
};
/** Connections that are idle from the start of the tests. Of a client and of a proxy, one has been used, and one not. */
let idle: Record<"ofClient" | "unusedOfClient" | "ofProxy" | "unusedOfProxy", Connection>;

beforeAll(async () => {
  proxied = await gate.another({
    corsOrigins: ["https://good.example.com", "http://localhost:3000"],
    trustedProxies: ["127.0.0.1"],
    graphiql: false,
  });
  await gate.user("ada");
  await gate.user("eve");
  ada = await gate.login("ada");
  eve = await gate.login("eve");
  const connection = await openConnection(proxied.url);
  connection.write("POST /graphql HTTP/1.1\r\nHost: localhost\r\n");
  const drip = setInterval(() => {
    connection.write("X: y\r\n");
  }, 1000);
  const startedAt = performance.now();
  const milliseconds = connection.closed.then(() => performance.now() - startedAt);
  const ownTime = ownTimeOf(() => connection.closed);
  slow = { connection, drip, milliseconds, ownTime };
  const [ofClient, ofProxy] = [...(await fill(gate.url, 1)), ...(await fill(proxied.url, 1))];
  if (ofClient && ofProxy) {
    const [unusedOfClient, unusedOfProxy] = [
      await openConnection(gate.url),
      await openConnection(proxied.url),
    ];
    idle = { ofClient, unusedOfClient, ofProxy, unusedOfProxy };
  }
});

/** Expects that the servers still answer, and that they still know the user. */
afterEach(async () => {
  for (const url of [gate.url, proxied.url]) {
    const { data } = await gate.ask("{ me { username } }", { ...ada, url });
    expect(data.me.username).toBe("ada");
  }
});

afterAll(() => {
  clearInterval(slow.drip);
  slow.connection.close();
  idle.ofProxy.close();
  idle.unusedOfProxy.close();
});

const send = (body: string | Buffer, lines?: string[], start?: string) =>
  sendRaw(gate.url, rawRequest(body, lines, start));

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

describe("an ambiguous request", () => {
  const authorized = () => `Authorization: ${ada.authorization}`;

  test.each([
    [
      "a length and chunks",
      () => ["Content-Length: 4", "Transfer-Encoding: chunked", authorized()],
    ],
    [
      "chunks and a length",
      () => ["Transfer-Encoding: chunked", "Content-Length: 4", authorized()],
    ],
    ["two lengths", () => ["Content-Length: 31", "Content-Length: 4", authorized()]],
    ["a list of lengths", () => ["Content-Length: 31, 31", authorized()]],
    ["a length with a sign", () => ["Content-Length: +31", authorized()]],
    ["a length that is not an integer", () => ["Content-Length: 1e2", authorized()]],
    ["an unknown coding", () => ["Transfer-Encoding: xchunked", authorized()]],
    ["chunks of chunks", () => ["Transfer-Encoding: chunked, identity", authorized()]],
    ["a folded line", () => [authorized(), "X-Folded: a", " Authorization: Bearer x"]],
    ["a space before a colon", () => ["Authorization : Bearer x"]],
    ["a name with a space", () => ["X Y: z", authorized()]],
    ["a bare CR", () => [`Authorization: Bearer x\rX: y`]],
    ["a NUL", () => [`${authorized()}\0`]],
    ["a control character", () => [`X: a\u0001b`, authorized()]],
    ["a line without a colon", () => ["Authorization", authorized()]],
  ])("O-10: with %s is 400, and its connection is closed", async (_name, lines) => {
    const { status, text, head } = await send(ME, lines());
    expect([status, JSON.parse(text).errors[0].extensions.code]).toEqual([400, "BAD_REQUEST"]);
    expect(head).toMatch(/^connection: close$/im);
    expect(text).not.toContain("ada");
  });

  test("O-10: with a bare LF cannot smuggle a header of another user", async () => {
    const { status, text } = await send(ME, [`X: a\nAuthorization: ${ada.authorization}`]);
    expect(status).toBe(400);
    expect(text).not.toContain(`"username"`);
  });

  test("O-10: is refused, and the requests after it on the connection are not run", async () => {
    const hidden = rawRequest(ME, [authorized()]).toString("latin1");
    const lines = ["Content-Length: 0", "Transfer-Encoding: chunked", "Connection: keep-alive"];
    const { text } = await send(`0\r\n\r\n${hidden}`, lines);
    expect(text.match(/"errors"/g)).toHaveLength(1);
    expect(text).not.toContain(`"username"`);
  });

  test.each([
    ["Content-Type", ["Content-Type: application/json", "Content-Type: application/json"]],
    ["Content-Type", ["Content-Type: application/json", "content-type: text/plain"]],
    ["Content-Type", ["CONTENT-TYPE: text/plain", "Content-Type: application/json"]],
    ["Host", ["Host: localhost", "Host: evil.example"]],
    ["Host", ["Host: localhost", "host: localhost"]],
  ])("O-10: with two lines of %s is 400, and runs nothing: %j", async (name, lines) => {
    for (const url of [gate.url, proxied.url]) {
      const answer = await sendRaw(url, rawRequest(ME, [...lines, authorized()]));
      const [error] = JSON.parse(answer.text).errors;
      expect([answer.status, error.extensions.code]).toEqual([400, "BAD_REQUEST"]);
      expect(error.message).toContain(name);
      expect(answer.text).not.toContain("ada");
    }
  });

  test("O-10: a header's value may be the name of a header that must not be repeated", async () => {
    expect((await send(TYPENAME, ["Host: host", "X: host", "Y: content-type"])).status).toBe(200);
  });

  test("O-10: requests of several users on one connection each keep their own identity", async () => {
    const connection = await openConnection(gate.url);
    const order = numbers(30).map((index) => [ada, null, eve][index % 3] ?? null);
    const requests = order.map((who, index) =>
      rawRequest(ME, [
        ...(who === null ? [] : [`Authorization: ${who.authorization}`]),
        `Connection: ${index === order.length - 1 ? "close" : "keep-alive"}`,
      ]),
    );
    connection.write(Buffer.concat(requests));
    const bodies = (await connection.closed).match(/\{"(?:data|errors)".*\}/g) ?? [];
    const names = bodies.map((body) => JSON.parse(body).data?.me.username ?? null);
    expect(names).toEqual(order.map((who) => (who === ada ? "ada" : who === eve ? "eve" : null)));
  });
});

describe("a request that is too large or too slow", () => {
  test("a header of 17 KB is 431, in the same format as other refusals", async () => {
    const { status, text, head } = await send(ME, [`X-Large: ${"x".repeat(17_000)}`]);
    expect([status, JSON.parse(text).errors[0].extensions.code]).toEqual([431, "BAD_REQUEST"]);
    expect(head).toMatch(/^HTTP\/1\.1 431 Request Header Fields Too Large$/m);
    expect(head).toMatch(/^x-content-type-options: nosniff$/m);
  });

  test.each([
    ["Accept", 1024, "application/json"],
    ["Content-Type", 256, "application/json"],
  ])("GQ-15: %s of more than %d characters is 431", async (name, max, value) => {
    const padded = (length: number) => [
      `${name}: ${value};${"x".repeat(length - value.length - 1)}`,
    ];
    const { status } = await send(TYPENAME, padded(max));
    expect(status).toBe(200);
    const refused = await send(TYPENAME, padded(max + 1));
    const [error] = JSON.parse(refused.text).errors;
    expect([refused.status, error.extensions.code]).toEqual([431, "BAD_REQUEST"]);
    expect(error.message).toContain(`${name} `);
  });

  test.each([
    [`application/json;profile="a,b;c"`, 406],
    [`application/json;profile="a,b;c", */*;q=0.1`, 200],
    [`application/json;charset="utf-8"`, 200],
    [`text/html;x="application/json,", application/json;q=0.5`, 200],
    [`text/html;x="," , image/png`, 406],
    [`",application/json`, 406],
    [`application/json;q=1;x=","y","z"`, 200],
  ])(
    "GQ-15: quoted text in Accept neither hides a media type nor adds one: %s",
    async (accept, status) => {
      expect((await send(TYPENAME, [`Accept: ${accept}`])).status).toBe(status);
    },
  );

  test("a body with a too large Content-Length is refused before it arrives", async () => {
    const connection = await openConnection(gate.url);
    const lines = ["Content-Type: application/json", "Content-Length: 1000000000"];
    connection.write(rawRequest("", lines));
    await connection.waitFor(/^HTTP\/1\.1 413 [^]*"BAD_REQUEST"/);
    connection.close();
  });

  test("a body of endless chunks is refused when it exceeds the limit", async () => {
    const connection = await openConnection(gate.url);
    const lines = ["Content-Type: application/json", "Transfer-Encoding: chunked"];
    connection.write(rawRequest("", lines));
    connection.write(`4000\r\n${" ".repeat(0x4000)}\r\n`.repeat(7));
    await connection.waitFor(/^HTTP\/1\.1 413 [^]*"BAD_REQUEST"/);
    connection.close();
  });

  test.each([
    ["gzip", gzipSync(ME)],
    ["x-gzip", gzipSync(ME)],
    ["deflate", deflateSync(ME)],
    ["br", brotliCompressSync(ME)],
    ["zstd", Buffer.from(ME)],
    ["identity, gzip", gzipSync(ME)],
    ["GZIP", gzipSync(ME)],
    ["gzip, gzip", gzipSync(gzipSync(ME))],
    ["nonsense", Buffer.from(ME)],
    ["", Buffer.from(ME)],
  ])(
    "GQ-1: a body with the content coding `%s` is 415 and is not decompressed",
    async (coding, body) => {
      const { status, text } = await send(body, [`Content-Encoding: ${coding}`]);
      expect([status, JSON.parse(text).errors[0].extensions.code]).toEqual([415, "BAD_REQUEST"]);
    },
  );

  test.each([
    [200, "Content-Encoding: identity"],
    [200, "Content-Encoding: Identity"],
    [200, "Content-Type: application/json;charset=utf-8"],
    [200, "Content-Type: application/json;charset=utf-8;x=y"],
    [200, `Content-Type: application/json; CHARSET = "UTF-8" ; x=y`],
    [200, `Content-Type: application/json; charset  =  "utf-8"  ; x=y`],
    [200, "Content-Type: application/json; xcharset=latin1"],
    [415, "Content-Type: application/json;charset=latin1"],
    [415, "Content-Type: application/json; x=y ;  Charset =utf-16"],
    [415, "Content-Type: application/json; charset=utf-8x"],
    [415, `Content-Type: application/json; charset="utf-8"x`],
    [415, "Content-Type: application/json; charset=utf-8 x"],
    [415, "Content-Type: application/json; charset=xutf-8"],
  ])("GQ-1: %d for %s, because JSON is UTF-8 and not compressed", async (status, line) => {
    expect((await send(TYPENAME, [line])).status).toBe(status);
  });

  test("GQ-1: 10 MB compressed to 10 kB are 415, and nothing is decompressed", async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000, " "));
    expect(bomb.length).toBeLessThan(20_000);
    let streams = 0;
    const hook = createHook({
      init(_id, type) {
        if (type === "ZLIB") streams += 1;
      },
    }).enable();
    expect((await send(bomb, ["Content-Encoding: gzip"])).status).toBe(415);
    expect(streams).toBe(0);
    gunzipSync(bomb);
    hook.disable();
    expect(streams).toBe(1);
  });

  test("GQ-15: the limits are 10 s for headers, 30 s for a request, 40 s without a byte, and 5 s idle or 75 s behind a proxy", async () => {
    const seen: HttpServer[] = [];
    const look = (message: unknown) => seen.push((message as { server: HttpServer }).server);
    subscribe("http.server.request.start", look);
    await gate.me();
    await gate.ask("{ __typename }", { url: proxied.url });
    unsubscribe("http.server.request.start", look);
    const timeouts = { headersTimeout: 10_000, requestTimeout: 30_000, timeout: 40_000 };
    expect(seen).toMatchObject([
      { ...timeouts, keepAliveTimeout: 5_000 },
      { ...timeouts, keepAliveTimeout: 75_000 },
    ]);
  });
});

/** An address of this machine that is not loopback, because connections from loopback are not limited. */
const [outside] = Object.values(networkInterfaces())
  .flatMap((addresses = []) => addresses)
  .filter(({ family, internal }) => family === "IPv4" && !internal);
const testOutside = outside === undefined ? (test.skip as typeof test) : test;

/** Opens connections, and waits until each has its first response. */
async function fill(url: string, count: number): Promise<Connection[]> {
  const open = await Promise.all(numbers(count).map(() => openConnection(url)));
  for (const connection of open) {
    connection.write(rawRequest(TYPENAME, ["Connection: keep-alive"]));
    await connection.waitFor(/"__typename"/);
  }
  return open;
}

describe("many connections from one address", () => {
  testOutside(
    "GQ-15: 50 are served, and requests on further ones get SERVICE_UNAVAILABLE until one of the 50 closes",
    async () => {
      const crowded = await gate.another({
        connectionsPerAddress: 50,
        host: "0.0.0.0",
        graphiql: false,
      });
      const url = crowded.url.replace("0.0.0.0", outside?.address ?? "");
      const open = await fill(url, 50);
      try {
        const refused = await Promise.all(
          numbers(30).map(() => sendRaw(url, rawRequest(TYPENAME))),
        );
        for (const { status, head, extensions } of refused) {
          expect([status, extensions]).toEqual([
            503,
            { code: "SERVICE_UNAVAILABLE", retryAfter: 1 },
          ]);
          expect(head).toMatch(/^connection: close$/im);
          expect(head).toMatch(/^retry-after: 1$/im);
        }
        const silent = await openConnection(url);
        expect(await silent.closed).toBe("");
        open[0]?.write(rawRequest(TYPENAME));
        await open[0]?.closed;
        const next = await sendRaw(url, rawRequest(TYPENAME));
        expect(next.status).toBe(200);
      } finally {
        for (const connection of open) connection.close();
        await crowded.close();
      }
    },
  );

  test("GQ-15: are not limited on loopback", async () => {
    const open = await fill(gate.url, 80);
    for (const connection of open) connection.close();
  });

  test("GQ-15: number 1,001 over all addresses closes the connection that was idle longest, even within an unfinished request", async () => {
    const crowded = await gate.another({ keepAliveTimeout: 60 });
    const slow = await openConnection(crowded.url);
    slow.write("POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{");
    let isClosed = false;
    void slow.closed.then(() => (isClosed = true));
    const [used] = (await fill(crowded.url, 1)) as [Connection];
    const open = [slow, used];
    try {
      while (open.length < 1000) open.push(await openConnection(crowded.url));
      await eventually(async () => {
        expect((await sendRaw(crowded.url, rawRequest(TYPENAME))).status).toBe(200);
        return isClosed;
      });
      used.write(rawRequest(TYPENAME));
      expect((await used.closed).split("HTTP/1.1 200 OK")).toHaveLength(3);
    } finally {
      for (const connection of open) connection.close();
      await crowded.close();
    }
  });

  test("GQ-15: number 1,001 gets SERVICE_UNAVAILABLE if all others wait for a response", async () => {
    let waiting = 0;
    let answer: (response: Response) => void = () => undefined;
    const answered = new Promise<Response>((resolve) => (answer = resolve));
    const wait = {
      name: "wait",
      create: () => ({
        routes: [
          {
            method: "GET" as const,
            path: "/wait",
            handle: async () => {
              waiting += 1;
              return (await answered).clone();
            },
          },
        ],
      }),
    };
    // Each connection gets its own address, because one address may not have so many running requests.
    const crowded = await gate.another({
      features: [wait],
      trustedProxies: ["127.0.0.1"],
    });
    const open = await Promise.all(numbers(1000).map(() => openConnection(crowded.url)));
    try {
      for (const [index, connection] of open.entries()) {
        const address = `10.0.${index >> 8}.${index & 255}`;
        connection.write(
          `GET /wait HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: ${address}\r\n\r\n`,
        );
      }
      await eventually(() => waiting === 1000);
      const refused = await sendRaw(crowded.url, rawRequest(TYPENAME));
      expect([refused.status, refused.extensions?.["code"]]).toEqual([503, "SERVICE_UNAVAILABLE"]);
      answer(new Response("ok"));
      await eventually(
        async () => (await sendRaw(crowded.url, rawRequest(TYPENAME))).status === 200,
      );
    } finally {
      for (const connection of open) connection.close();
      await crowded.close();
    }
  });

  testOutside(
    "GQ-15: are not counted behind a trusted proxy, because all connections have its address",
    async () => {
      const address = outside?.address ?? "";
      const behind = await gate.another({
        host: "0.0.0.0",
        trustedProxies: [address],
        graphiql: false,
      });
      const open = await fill(behind.url.replace("0.0.0.0", address), 60);
      for (const connection of open) connection.close();
      await behind.close();
    },
  );
});

describe("a web page of another site", () => {
  const preflight = [
    "Access-Control-Request-Method: POST",
    "Access-Control-Request-Headers: authorization,content-type",
  ];
  const fromPage = (origin: string) => [`Origin: ${origin}`, `Authorization: ${ada.authorization}`];
  const ask = (url: string, lines: string[], start?: string) =>
    sendRaw(url, rawRequest(start === undefined ? ME : "", lines, start));

  test("GQ-16: CORS is off for other sites unless it is switched on", async () => {
    for (const origin of ["https://good.example.com", "null"]) {
      const { status, head } = await ask(gate.url, fromPage(origin));
      expect([status, head]).toEqual([200, expect.not.stringMatching(/access-control/i)]);
      const asked = await ask(
        gate.url,
        [`Origin: ${origin}`, ...preflight],
        "OPTIONS /graphql HTTP/1.1",
      );
      expect(asked.status).toBe(405);
      expect(asked.head).not.toMatch(/access-control/i);
    }
  });

  test.each(["https://good.example.com", "http://localhost:3000"])(
    "GQ-16: may call if its origin is allowed: %s",
    async (origin) => {
      const asked = await ask(
        proxied.url,
        [`Origin: ${origin}`, ...preflight],
        "OPTIONS /graphql HTTP/1.1",
      );
      expect(asked.status).toBe(204);
      expect(asked.head).toMatch(/^access-control-allow-methods: POST$/im);
      expect(asked.head).toMatch(/^access-control-allow-headers: authorization, content-type$/im);
      const { status, head, text } = await ask(proxied.url, fromPage(origin));
      expect([status, JSON.parse(text).data.me.username]).toEqual([200, "ada"]);
      expect(head).toMatch(/^access-control-expose-headers: retry-after, www-authenticate$/im);
      expect(asked.head).toMatch(/^access-control-max-age: 600$/im);
      for (const answer of [asked.head, head]) {
        expect(answer).toContain(`access-control-allow-origin: ${origin}\r\n`);
        expect(answer).toMatch(/^vary: origin$/im);
        expect(answer).not.toMatch(/access-control-allow-credentials/i);
      }
    },
  );

  const OTHER_PORTS = [
    "http://localhost:5173",
    "http://127.0.0.1:5173",
    "http://127.0.0.2",
    "http://[::1]:5173",
    "https://localhost:5173",
  ];

  test.each(OTHER_PORTS)(
    "GQ-16: may call a server in development from another loopback port, without cookies: %s",
    async (origin) => {
      const asked = await ask(
        gate.url,
        [`Origin: ${origin}`, ...preflight],
        "OPTIONS /graphql HTTP/1.1",
      );
      expect(asked.status).toBe(204);
      expect(asked.head).toMatch(/^access-control-allow-methods: POST$/im);
      expect(asked.head).toMatch(/^access-control-allow-headers: authorization, content-type$/im);
      const called = await ask(gate.url, fromPage(origin));
      expect(JSON.parse(called.text).data.me.username).toBe("ada");
      for (const { head } of [asked, called]) {
        expect(head).toContain(`access-control-allow-origin: ${origin}\r\n`);
        expect(head).toMatch(/^vary: origin$/im);
        expect(head).not.toMatch(/access-control-allow-credentials/i);
      }
    },
  );

  test.each([
    "http://localhost.evil.com",
    "http://evil.com/localhost",
    "http://localhost:5173/",
    "http://localhost:5173@evil.com",
    "http://LOCALHOST:5173",
    "http://127.0.0.1.evil.com",
    "http://192.168.0.1:5173",
    "http://0.0.0.0:5173",
    "http://[::]:5173",
    "http://app.localhost:5173",
    "file://localhost",
    "null",
    "*",
    "",
  ])("GQ-16: may not call a server in development from any other origin: `%s`", async (origin) => {
    const asked = await ask(
      gate.url,
      [`Origin: ${origin}`, ...preflight],
      "OPTIONS /graphql HTTP/1.1",
    );
    expect(asked.status).toBe(405);
    const called = await ask(gate.url, fromPage(origin));
    for (const { head } of [asked, called]) expect(head).not.toMatch(/access-control/i);
  });

  test.each([
    ["in production", { isProduction: true }],
    ["behind a proxy", { trustedProxies: ["127.0.0.1"], graphiql: false }],
    ["reachable by others", { host: "0.0.0.0", graphiql: false }],
  ])(
    "GQ-16: may not call from another loopback port if the server is %s",
    async (_where, options) => {
      const other = await gate.another(options);
      try {
        const url = other.url.replace("0.0.0.0", "127.0.0.1");
        for (const origin of OTHER_PORTS) {
          const asked = await ask(
            url,
            [`Origin: ${origin}`, ...preflight],
            "OPTIONS /graphql HTTP/1.1",
          );
          const called = await ask(url, fromPage(origin));
          expect(asked.status).toBe(405);
          for (const { head } of [asked, called]) expect(head).not.toMatch(/access-control/i);
        }
      } finally {
        await other.close();
      }
    },
  );

  test.each([
    "null",
    "*",
    "https://evil.example.com",
    "https://good.example.com.evil.com",
    "https://good.example.evil.com",
    "https://evil.com/https://good.example.com",
    "https://sub.good.example.com",
    "https://xgood.example.com",
    "http://good.example.com",
    "https://good.example.com:443",
    "https://good.example.com:8443",
    "https://good.example.com/",
    "https://GOOD.example.com",
    "https://good.example.com.",
    "https://good.example.com@evil.com",
    "https://good-example.com",
    "https://goodXexample.com",
    "http://localhost:3001",
    "http://127.0.0.1:3000",
    "https://good.example.com, https://evil.example.com",
    "",
  ])("GQ-16: may not call from another origin, which is not repeated: `%s`", async (origin) => {
    const asked = await ask(
      proxied.url,
      [`Origin: ${origin}`, ...preflight],
      "OPTIONS /graphql HTTP/1.1",
    );
    const called = await ask(proxied.url, fromPage(origin));
    for (const { head } of [asked, called]) {
      expect(head).not.toMatch(/access-control-allow-(origin|credentials)/i);
      expect(head).toMatch(/^vary: origin$/im);
    }
  });

  test.each([
    [
      "a form",
      ["Content-Type: application/x-www-form-urlencoded"],
      `query=${encodeURIComponent(LOGIN)}`,
    ],
    ["a form of plain text", ["Content-Type: text/plain"], `{"query":"{ me { id } }","x":"="}`],
    [
      "a form with files",
      ["Content-Type: multipart/form-data; boundary=x"],
      `--x\r\n\r\n${ME}\r\n--x--`,
    ],
    ["a beacon", ["Content-Type: "], ME],
  ])(
    "GQ-10: gets 415 for a request that needs no preflight, by %s, and nothing runs",
    async (_name, lines, body) => {
      const statements = await gate.countStatements(async () => {
        const { status } = await send(body, [
          ...lines,
          "Origin: https://evil.example.com",
          `Authorization: ${ada.authorization}`,
        ]);
        expect(status).toBe(415);
      });
      expect(statements).toBe(0);
    },
  );
});

describe("the security headers", () => {
  const get = (path: string, lines: string[] = []) => send("", lines, `GET ${path} HTTP/1.1`);

  test.each<[string, number, () => Promise<{ status: number; head: string }>]>([
    ["a response", 200, () => send(TYPENAME)],
    ["a refused document", 400, () => send(`{"query":"{"}`)],
    ["a refused credential", 401, () => askWithLines(gate.url, "{ me { id } }", [])],
    ["a refused body", 400, () => send("[")],
    ["a malformed URL", 400, () => get("/%zz")],
    [
      "bytes that are not HTTP",
      400,
      () => sendRaw(gate.url, "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"),
    ],
    ["an unknown path", 404, () => get("/nothing")],
    ["another method", 405, () => send("", [], "DELETE /graphql HTTP/1.1")],
    ["a large body", 413, () => send(" ".repeat(102_401))],
    ["another type", 415, () => send(ME, ["Content-Type: text/plain"])],
    ["a compressed body", 415, () => send(ME, ["Content-Encoding: gzip"])],
    ["a large header", 431, () => send(ME, [`X: ${"x".repeat(17_000)}`])],
    ["an unknown expectation", 200, () => send(TYPENAME, ["Expect: 200-ok"])],
    ["health", 200, () => get("/health/live")],
    ["readiness", 200, () => get("/health/ready")],
  ])("GQ-17: %s, %i, has all of them and `no-store`", async (_name, status, ask) => {
    const answer = await ask();
    expect(answer.status).toBe(status);
    expect(answer.head).toMatch(/^cache-control: no-store$/im);
    expect(answer.head).toMatch(
      /^content-security-policy: default-src 'none'; frame-ancestors 'none'$/im,
    );
    expectPosture(answer.head);
  });

  test("GQ-17: the key set has all of them, but may be cached", async () => {
    const { status, head } = await get("/.well-known/jwks.json");
    expect(status).toBe(200);
    expect(head).toMatch(/^cache-control: public, max-age=300$/im);
    expectPosture(head);
  });

  test("GQ-17, GQ-20: GraphiQL's page and files have them, with their own content security policy", async () => {
    const page = await get("/graphql", ["Accept: text/html"]);
    expect(page.status).toBe(200);
    expect(page.head).toMatch(/^content-security-policy: default-src 'none'; script-src 'self';/im);
    expect(page.head).toMatch(/^cache-control: no-store$/im);
    const script = await get("/graphiql/main.js");
    expect(script.status).toBe(200);
    for (const { head } of [page, script]) expectPosture(head);
    const without = await sendRaw(
      proxied.url,
      rawRequest("", ["Accept: text/html"], "GET /graphql HTTP/1.1"),
    );
    expect(without.status).toBe(405);
  });

  test("RF-18: a response with tokens is never cached", async () => {
    const { data, headers } = await gate.ask(LOGIN);
    expect(data.login.access).toBeTruthy();
    expect(headers.get("cache-control")).toBe("no-store");
    expect((await gate.refresh(ada.refresh)).headers.get("cache-control")).toBe("no-store");
  });

  function expectPosture(head: string): void {
    expect(head).toMatch(/^x-content-type-options: nosniff$/im);
    expect(head).toMatch(/^referrer-policy: no-referrer$/im);
    expect(head).not.toMatch(/^(server|x-powered-by|via|set-cookie|strict-transport-security):/im);
    expect(head).not.toMatch(/fastify|apollo|node/i);
  }

  test("GQ-17: Strict-Transport-Security is sent only if a trusted proxy says that the client used TLS", async () => {
    const hsts = /^strict-transport-security: max-age=31536000; includeSubDomains$/im;
    const by = async (url: string, lines: string[]) =>
      hsts.test((await sendRaw(url, rawRequest(TYPENAME, lines))).head);
    expect(await by(proxied.url, ["X-Forwarded-Proto: https"])).toBe(true);
    expect(await by(proxied.url, ["X-Forwarded-Proto: HTTPS"])).toBe(true);
    expect(await by(proxied.url, ["X-Forwarded-Proto: http"])).toBe(false);
    expect(await by(proxied.url, [])).toBe(false);
    expect(await by(gate.url, ["X-Forwarded-Proto: https"])).toBe(false);
    expect(await by(gate.url, ["Forwarded: proto=https"])).toBe(false);
  });
});

describe("an odd request target or host", () => {
  test.each([
    "//graphql",
    "/graphql/",
    "/GRAPHQL",
    "/Graphql",
    "/graphql;x",
    "/graphql%2f",
    "/graphql%00",
    "/x/../graphql",
    "/./graphql",
    "/graphql.json",
    `/${"graphql/".repeat(1000)}`,
    "*",
  ])("%s is 404, and runs nothing", async (target) => {
    const { status, text } = await send(
      ME,
      [`Authorization: ${ada.authorization}`],
      `POST ${target} HTTP/1.1`,
    );
    expect([status, JSON.parse(text).errors[0].extensions.code]).toEqual([404, "BAD_REQUEST"]);
    expect(text).not.toContain("ada");
  });

  test.each([
    "/graphiql/../../package.json",
    "/graphiql/..%2f..%2fpackage.json",
    "/graphiql/%2e%2e/%2e%2e/package.json",
    "/graphiql/..%5c..%5cpackage.json",
    "/graphiql/..\\..\\package.json",
    "/graphiql/....//....//package.json",
    "/graphiql/main.js%00.css",
    "/graphiql//main.js",
    "/graphiql//etc/passwd",
    "/graphiql/",
    "/graphiql",
    "/graphiql/__proto__",
    "/graphiql/constructor",
    "/.well-known/../graphiql/main.js",
    "/../../../../etc/passwd",
    "/assets/graphiql/index.html",
  ])("GQ-20: %s does not serve a file", async (target) => {
    const { status, text } = await send("", ["Accept: text/html"], `GET ${target} HTTP/1.1`);
    expect([status, JSON.parse(text).errors[0].extensions.code]).toEqual([404, "BAD_REQUEST"]);
  });

  test.each([
    "evil.example",
    `<script>"'@@:99999`,
    "localhost:99999999",
    "x".repeat(10_000),
    "127.0.0.1\t\u00e9",
    "",
  ])("RC-3: a host `%s` is neither trusted nor repeated", async (host) => {
    const page = await send("", [`Host: ${host}`, "Accept: text/html"], "GET /graphql HTTP/1.1");
    const answer = await send(TYPENAME, [`Host: ${host}`, `X-Forwarded-Host: evil.example`]);
    expect([page.status, answer.status]).toEqual([200, 200]);
    for (const { head, text } of [page, answer]) {
      expect(head + text).not.toMatch(/evil|script>"|99999|xxxx/);
    }
    expect(JSON.parse(answer.text)).toEqual({ data: { __typename: "Query" } });
  });

  test.each(["/health/live", "/.well-known/jwks.json"])(
    "RC-3: a user and a password in the URL or the host of %s are ignored",
    async (path) => {
      const line = "X-Forwarded-Host: evil:example@localhost";
      for (const answer of [
        await send("", ["Host: evil:example@localhost"], `GET ${path} HTTP/1.1`),
        await send("", [], `GET http://evil:example@localhost${path} HTTP/1.1`),
        await sendRaw(proxied.url, rawRequest("", [line], `GET ${path} HTTP/1.1`)),
      ]) {
        expect(answer.status).toBe(200);
      }
    },
  );

  test("RC-3: only the path of an absolute URL is used", async () => {
    const { status, text, head } = await send(
      TYPENAME,
      [],
      "POST http://evil.example/graphql HTTP/1.1",
    );
    expect([status, text.trim()]).toEqual([200, `{"data":{"__typename":"Query"}}`]);
    expect(head).not.toContain("evil");
  });

  test.each([
    ["[", undefined, "The body must be one JSON object with a `query`."],
    ["", "GET /nothing HTTP/1.1", "There is nothing here. GraphQL is at POST /graphql."],
    ["", "PUT /graphql HTTP/1.1", "GraphQL is at POST /graphql."],
    [" ".repeat(102_401), undefined, "The body must be at most 100 KiB."],
  ])("a refusal says what the server expects: %#", async (body, start, message) => {
    const { text } = await send(body, [], start);
    expect(JSON.parse(text).errors[0].message).toBe(message);
  });

  test.each([
    "CONNECT evil.example:443",
    "FOO /graphql",
    "GET  /graphql",
    "POST /graphql HTTP/9.9 X",
  ])("`%s` is refused or its connection is closed", async (start) => {
    const { head, text } = await send("", [], `${start} HTTP/1.1`);
    expect(head === "" || /^HTTP\/1\.1 4\d\d /.test(head)).toBe(true);
    expect(text).not.toContain("evil");
  });
});

describe("odd JSON", () => {
  test.each([
    `{"query":"{ __typename }","__proto__":{"isAdmin":true}}`,
    `{"query":"{ __typename }","variables":{"__proto__":{"a":1}}}`,
    `{"query":"{ __typename }","constructor":{"prototype":{"isAdmin":true}}}`,
    `{"query":"{ __typename }","variables":{"a":{"constructor":{"prototype":{"isAdmin":true}}}}}`,
    String.raw`{"query":"{ __typename }","\u005f_proto__":{"isAdmin":true}}`,
  ])("a prototype key is 400: %s", async (body) => {
    const { status, text } = await send(body);
    expect([status, JSON.parse(text).errors[0].extensions.code]).toEqual([400, "BAD_REQUEST"]);
    expect(({} as Record<string, unknown>)["isAdmin"]).toBeUndefined();
  });

  test.each(["constructor", "toString", "hasOwnProperty", "valueOf", "prototype"])(
    "%s is an ordinary name of a variable, an operation or a key",
    async (name) => {
      const query = `query ${name}($${name}: Int) { __typename @skip(if: false) }`;
      const request = { query, variables: { [name]: 1 }, operationName: name, [name]: name };
      const { text } = await send(JSON.stringify(request));
      expect(JSON.parse(text).errors[0].message).toMatch(/is never used/);
      const missing = await send(JSON.stringify({ query: "{ __typename }", operationName: name }));
      expect(JSON.parse(missing.text).errors[0].extensions.code).toBe(
        "OPERATION_RESOLUTION_FAILURE",
      );
    },
  );

  test.each([
    ["100 KiB of [", "[".repeat(102_000)],
    ["100 KiB of {", `{"a":`.repeat(20_000)],
    ["whole nested lists", `${"[".repeat(51_000)}${"]".repeat(51_000)}`],
    [
      "whole nested variables",
      `{"query":"{ __typename }","variables":${`{"a":`.repeat(16_000)}1${"}".repeat(16_000)}}`,
    ],
    [
      "nested extensions",
      `{"query":"{ __typename }","extensions":{"a":${"[".repeat(50_000)}${"]".repeat(50_000)}}}`,
    ],
    ["a number without end", `{"query":"{ __typename }","variables":{"a":${"9".repeat(100_000)}}}`],
    [
      "100,000 keys",
      `{"query":"{ __typename }","variables":{${numbers(9000)
        .map((key) => `"${key}":0`)
        .join(",")}}}`,
    ],
  ])("%s are refused or ignored at little cost", async (_name, body) => {
    const limit = 10 * (await cpuOfPassword());
    expect(await leastOf(limit, () => cpuOf(() => send(body)))).toBeLessThan(limit);
    const { status, text } = await send(body);
    if (status === 200) expect(JSON.parse(text)).toEqual({ data: { __typename: "Query" } });
    else expect([status, JSON.parse(text).errors[0].extensions.code]).toEqual([400, "BAD_REQUEST"]);
  });

  test("if a key occurs twice, the last one counts, for limits and for execution", async () => {
    const twice = `{"query":"{ __typename }","query":"{ me { username } }"}`;
    const { text } = await send(twice, [`Authorization: ${ada.authorization}`]);
    expect(JSON.parse(text).data).toEqual({ me: { username: "ada" } });
    const hidden = `{"query":"{ __typename }","query":"{ ${"a: __typename ".repeat(16)} }"}`;
    const refused = await send(hidden);
    expect(refused.status).toBe(400);
    expect(JSON.parse(refused.text).errors[0].message).toMatch(/^The document has/);
  });
});

describe("a client that never finishes its header", () => {
  test("GQ-15: is disconnected after 10 seconds, even if it keeps sending", async () => {
    const text = await slow.connection.closed;
    expect(text).toMatch(/^HTTP\/1\.1 408 [^]*"BAD_REQUEST"/);
    expect(await slow.milliseconds).toBeGreaterThan(9000);
    expect(await slow.ownTime).toBeLessThan(25_000);
  });
});

describe("an idle connection", () => {
  test("GQ-15: of a client is closed after 5 seconds, and that of a proxy still works after 10", async () => {
    await idle.ofClient.closed;
    // This connection shows that 10 seconds have passed since the tests began.
    await slow.connection.closed;
    // A server that closes unused connections after ten seconds would have closed this one by then.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    idle.unusedOfProxy.write(rawRequest(TYPENAME));
    expect(await idle.unusedOfProxy.closed).toMatch(/^HTTP\/1\.1 200 OK/);
    idle.ofProxy.write(rawRequest(TYPENAME));
    expect(await idle.ofProxy.closed).toMatch(/^keep-alive: timeout=75\r$[^]*HTTP\/1\.1 200 OK/im);
  });

  test("GQ-15: of a client that has sent nothing is refused after 10 seconds", async () => {
    expect(await idle.unusedOfClient.closed).toMatch(/^HTTP\/1\.1 408 [^]*"BAD_REQUEST"/);
  });

  test("GQ-15: is closed after KEEP_ALIVE_TIMEOUT", async () => {
    const brief = await gate.another({
      keepAliveTimeout: 1,
      trustedProxies: ["127.0.0.1"],
      graphiql: false,
    });
    const [connection] = await fill(brief.url, 1);
    expect(await connection?.closed).toMatch(/^keep-alive: timeout=1\r$/im);
    await brief.close();
  });
});

describe("a proxy that lies", () => {
  test.each([
    "javascript",
    "file",
    "data",
    "not a scheme",
    "https://evil.example",
    "https, ftp",
    ",",
    "://",
    "\xe9",
    "x".repeat(9000),
  ])("RC-3: about the protocol is answered, and counts as http: `%s`", async (proto) => {
    for (const path of ["/health/live", "/.well-known/jwks.json"]) {
      const lines = [`X-Forwarded-Proto: ${proto}`, "X-Forwarded-Host: ///"];
      const answer = await sendRaw(proxied.url, rawRequest("", lines, `GET ${path} HTTP/1.1`));
      expect([path, answer.status]).toEqual([path, 200]);
    }
    const { status, head } = await sendRaw(
      proxied.url,
      rawRequest(TYPENAME, [`X-Forwarded-Proto: ${proto}`]),
    );
    expect([status, head]).toEqual([200, expect.not.stringMatching(/strict-transport-security/i)]);
  });
});
