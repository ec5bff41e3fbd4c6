import { request } from "node:http";
import { describe, expect, test } from "@jest/globals";
import { type Auth, createAuth } from "../../../src/index.js";
import { createDatabase } from "../../support/databases.js";
import { findFreePort } from "../../support/free-port.js";
import { Gate, PASSWORD, setUpGate } from "../../support/gate.js";
import {
  refusedByAuth,
  refusedByCommand,
  refusedByServer,
  SECRET_KEY,
} from "../../support/wrong-settings.js";
import { METRICS_TOKEN, valueOf } from "./scrape.js";

const TYPE = "text/plain; version=0.0.4; charset=utf-8";

const get = (url: string, authorization?: string) =>
  fetch(url, { headers: authorization === undefined ? {} : { authorization } });

describe("on the server's port", () => {
  const gate = setUpGate({ metrics: true, metricsToken: METRICS_TOKEN });
  const url = () => `${gate.url}/metrics`;

  test("a scraper with the token gets the metrics", async () => {
    const response = await get(url(), `Bearer ${METRICS_TOKEN}`);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe(TYPE);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.text()).toContain("# TYPE gatehouse_operations_total counter");
  });

  test.each([
    ["no token", undefined, "no_credentials"],
    ["another scheme", `Token ${METRICS_TOKEN}`, "no_credentials"],
    ["a wrong token", `Bearer ${METRICS_TOKEN.slice(0, -1)}b`, "token_not_valid"],
    ["a part of the token", `Bearer ${METRICS_TOKEN.slice(0, -1)}`, "token_not_valid"],
    ["a token of 8 kB", `Bearer ${"a".repeat(8000)}`, "token_not_valid"],
    ["more than a token", `Bearer ${METRICS_TOKEN} ${METRICS_TOKEN}`, "no_credentials"],
  ])("a scraper with %s is refused with a code", async (_what, authorization, reason) => {
    const response = await get(url(), authorization);
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toMatch(/^Bearer /);
    const text = await response.text();
    expect(JSON.parse(text).errors[0].extensions).toEqual({
      code: "UNAUTHENTICATED",
      reason,
    });
    expect(text).not.toContain("gatehouse_");
  });

  test("an administrator's access token does not count as a scraper's token", async () => {
    const { authorization } = await gate.issue(await gate.user("root", { role: "ADMIN" }));
    expect((await get(url(), authorization)).status).toBe(401);
  });
});

describe("on a port of its own", () => {
  const open = async (options: object = {}) => {
    const metricsPort = await findFreePort();
    const gate = await Gate.open({ metrics: true, metricsPort, ...options });
    return { gate, metricsPort, own: `http://127.0.0.1:${metricsPort}` };
  };

  test("the metrics need no token, and are not on the server's port", async () => {
    const { gate, own } = await open();
    try {
      const response = await get(`${own}/metrics?x=1`);
      expect([response.status, response.headers.get("content-type")]).toEqual([200, TYPE]);
      expect(valueOf(await response.text(), "gatehouse_ready")).toBe(1);
      expect((await get(`${gate.url}/metrics`)).status).toBe(404);
      const head = await fetch(`${own}/metrics`, { method: "HEAD" });
      expect([head.status, await head.text()]).toEqual([200, ""]);
    } finally {
      await gate.close();
    }
    await expect(get(`${own}/metrics`)).rejects.toThrow("fetch failed");
  });

  test("nothing else is served there", async () => {
    const { gate, own } = await open();
    try {
      for (const [method, path] of [
        ["GET", "/"],
        ["POST", "/metrics"],
        ["POST", "/graphql"],
        ["GET", "/health/ready"],
      ] as const) {
        const response = await fetch(`${own}${path}`, { method });
        expect([path, response.status, await response.json()]).toEqual([
          path,
          404,
          {
            errors: [
              {
                message: "There is nothing here. The metrics are at GET /metrics.",
                extensions: { code: "BAD_REQUEST" },
              },
            ],
          },
        ]);
      }
    } finally {
      await gate.close();
    }
  });

  test("with a token, a scraper needs it there too", async () => {
    const { gate, own } = await open({ metricsToken: METRICS_TOKEN });
    try {
      const refused = await get(`${own}/metrics`);
      expect(refused.status).toBe(401);
      expect(refused.headers.get("www-authenticate")).toMatch(/^Bearer /);
      expect(((await refused.json()) as any).errors[0].extensions.reason).toBe("no_credentials");
      expect((await get(`${own}/metrics`, `Bearer ${METRICS_TOKEN}`)).status).toBe(200);
    } finally {
      await gate.close();
    }
  });

  test("a port in use or an address of another machine stops the start with one line", async () => {
    const { gate, metricsPort } = await open();
    try {
      const again = (options: object) =>
        Gate.open({ metrics: true, metricsPort, ...options }).then(
          (other) => other.close(),
          (error: unknown) => (error as Error).message,
        );
      expect(await again({})).toBe("metricsPort: is in use by another process");
      expect(await again({ metricsPort: 0, metricsHost: "203.0.113.9" })).toBe(
        "metricsHost: is not an address of this machine",
      );
    } finally {
      await gate.close();
    }
  });

  test("a scraper that sends nothing does not keep the server from stopping", async () => {
    const { gate, metricsPort } = await open();
    const socket = request({
      port: metricsPort,
      host: "127.0.0.1",
      path: "/metrics",
      method: "POST",
    });
    const outcome = new Promise((resolve) => {
      socket.on("response", ({ statusCode }) => {
        resolve(statusCode);
      });
      socket.on("error", ({ code }: NodeJS.ErrnoException) => {
        resolve(code);
      });
    });
    socket.flushHeaders();
    await new Promise((resolve) =>
      socket.once("socket", (found) => found.once("connect", resolve)),
    );
    await gate.close();
    // Otherwise, the server would wait until it answers with 408.
    expect(await outcome).toBe("ECONNRESET");
  });
});

describe("the settings", () => {
  const required = "METRICS_TOKEN: or METRICS_PORT is required if others can reach the server";
  const reachable = { HOST: "0.0.0.0", PUBLIC_URL: "https://auth.example.com", SECRET_KEY };

  test("where others can reach the server, a token or a port is required", async () => {
    expect(refusedByCommand({ ...reachable, METRICS: "on" })).toEqual([required]);
    expect(
      refusedByCommand({
        TRUSTED_PROXIES: "127.0.0.1",
        PUBLIC_URL: reachable.PUBLIC_URL,
        SECRET_KEY,
        METRICS: "on",
      }),
    ).toEqual([required]);
    expect(refusedByCommand({ ...reachable, METRICS: "on", METRICS_TOKEN })).toEqual([]);
    expect(refusedByCommand({ ...reachable, METRICS: "on", METRICS_PORT: "9464" })).toEqual([]);
    expect(refusedByCommand(reachable)).toEqual([]);
    expect(refusedByCommand({ METRICS: "on" })).toEqual([]);
    expect(await refusedByAuth({ metrics: true })).toEqual([
      "metricsToken: or metricsPort is required if others can reach the server",
    ]);
  });

  test.each([
    "a".repeat(31),
    `${"a".repeat(32)} `,
    "a".repeat(256),
    `${"a".repeat(40)}é`,
    `${"a".repeat(40)}\n`,
  ])("the token %j is refused, and is not repeated", async (metricsToken) => {
    expect(await refusedByServer({ metrics: true, metricsToken })).toEqual([
      "metricsToken: must be 32 to 255 letters, digits and characters of -._~+/; `gatehouse generate-secret` makes one",
    ]);
  });

  test("only createServer accepts a separate port, and a host needs a port", async () => {
    expect(
      await refusedByAuth({ metrics: true, metricsPort: 0, metricsToken: METRICS_TOKEN }),
    ).toEqual([
      "metricsPort: works only with createServer. Serve the route in auth.routes instead, and set metricsToken",
    ]);
    expect(await refusedByServer({ metrics: true, metricsHost: "127.0.0.1" })).toEqual([
      "metricsHost: needs metricsPort",
    ]);
    expect(await refusedByServer({ metrics: true, metricsPort: 65_536 })).toEqual([
      "metricsPort: must be from 0 to 65535, but is 1 too large",
    ]);
  });
});

test("an application serves the route of createAuth, and two applications in one process share no metrics", async () => {
  const databases = [await createDatabase("sqlite"), await createDatabase("sqlite")];
  const auths: Auth[] = [];
  try {
    for (const { url: databaseUrl } of databases) {
      auths.push(
        await createAuth({
          secretKey: SECRET_KEY,
          databaseUrl,
          metrics: true,
          metricsToken: METRICS_TOKEN,
        }),
      );
    }
    const [first, second] = auths;
    await first!.accounts.createUser({ username: "ada", password: PASSWORD });
    await first!.authentication.login({ username: "ada" }, PASSWORD);
    const opened = async ({ routes }: Auth) => {
      const route = routes.find(({ path }) => path === "/metrics");
      const headers = { authorization: `Bearer ${METRICS_TOKEN}` };
      const client = { ipAddress: null, userAgent: null };
      const response = await route!.handle(
        new Request("http://localhost/metrics", { headers }),
        client,
      );
      return valueOf(await response.text(), 'gatehouse_sessions_opened_total{scheme="JWT"}');
    };
    expect([await opened(first!), await opened(second!)]).toEqual([1, 0]);
  } finally {
    for (const auth of auths) await auth.close();
    for (const database of databases) await database.drop();
  }
});
