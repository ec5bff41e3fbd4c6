import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { createVerifier, type VerifierOptions } from "../../src/verify/index.js";
import { commandOver, serveBeside } from "../support/command.js";
import { decode, forge, stealKeys } from "../support/forge.js";
import { setUpFreshGate, setUpGate } from "../support/gate.js";
import { sendJson, setUpCountingServer } from "./key-server.js";

/** In milliseconds. Long, because processes start slowly on a busy machine. */
const TIMEOUT = 240_000;

const OPTIONS = { issuer: "gatehouse", audience: "gatehouse" };

describe("the keys", () => {
  const gate = setUpGate();
  const server = setUpCountingServer((_request, response) => {
    sendJson(response, gate.auth.jwks());
  });
  const lines: string[] = [];
  /** The time by which the verifier's clock is ahead, in milliseconds. Otherwise, it stands still. */
  let ahead: number;
  let ada: string;

  beforeAll(async () => {
    ada = await gate.user("ada");
  });

  beforeEach(() => {
    ahead = 0;
    const start = Date.now();
    jest.spyOn(Date, "now").mockImplementation(() => start + ahead);
    server.requests = 0;
    lines.length = 0;
    server.answer = (_request, response) => {
      sendJson(response, gate.auth.jwks());
    };
  });

  afterEach(() => {
    jest.restoreAllMocks();
  });

  const create = (options: Partial<VerifierOptions> = {}) =>
    createVerifier({
      ...OPTIONS,
      jwksUrl: `${server.url}/keys`,
      log: (line) => lines.push(line),
      ...options,
    });

  const issue = async () => (await gate.issue(ada)).access;

  /** Returns a token that names an unknown key. */
  async function withUnknownKey(): Promise<string> {
    const { header, claims } = decode(await issue());
    return forge(
      stealKeys(gate).access,
      { ...header, kid: randomBytes(8).toString("hex") },
      claims,
    );
  }

  const UNAVAILABLE = { code: "SERVICE_UNAVAILABLE", status: 503, reason: undefined };

  test("are loaded once for many requests, and not before the first", async () => {
    const verifier = create();
    await sleep(50);
    expect(server.requests).toBe(0);
    const tokens = await Promise.all(Array.from({ length: 20 }, issue));
    await Promise.all(tokens.map((token) => verifier.verify(token)));
    await verifier.verify(await issue());
    expect(server.requests).toBe(1);
  });

  test("a storm of unknown keys causes one request in each cool-down", async () => {
    const verifier = create({ cooldown: 1 });
    await verifier.verify(await issue());
    const storm = async () => {
      for (let count = 0; count < 30; count += 1) {
        await expect(verifier.verify(await withUnknownKey())).rejects.toMatchObject({
          reason: "token_not_valid",
        });
      }
    };
    await storm();
    expect(server.requests).toBeLessThanOrEqual(2);
    ahead += 1000;
    const before = server.requests;
    await storm();
    expect(server.requests - before).toBeGreaterThanOrEqual(1);
    expect(server.requests - before).toBeLessThanOrEqual(2);
  });

  test("a new key is loaded when a token names it", async () => {
    const verifier = create({ cooldown: 1 });
    await verifier.verify(await issue());
    await gate.auth.keys.rotate(true);
    ahead += 1000;
    expect((await verifier.verify(await issue())).claims.sub).toBe(ada);
    expect(server.requests).toBe(2);
  });

  test("a revoked key is refused once the cache is old", async () => {
    const verifier = create({ cacheLifetime: 1 });
    const token = await issue();
    await verifier.verify(token);
    await gate.auth.keys.revoke(String(decode(token).header["kid"]));
    expect((await verifier.verify(token)).claims.sub).toBe(ada);
    ahead += 1000;
    await expect(verifier.verify(token)).rejects.toMatchObject({ reason: "token_not_valid" });
  });

  const FAULTS: Record<string, [answer: typeof server.answer, line: RegExp]> = {
    "that answer 500": [
      (_request, response) => void response.writeHead(500).end("secret"),
      /: the status is 500\.$/,
    ],
    "that redirect": [
      (_request, response) =>
        void response.writeHead(302, { location: `${gate.url}/.well-known/jwks.json` }).end(),
      /: the status is 302\.$/,
    ],
    "that answer with a page": [
      (_request, response) => void response.end("<html>"),
      /: the response is not JSON\.$/,
    ],
    "that answer with other JSON": [
      (_request, response) => {
        sendJson(response, null);
      },
      /: the response is not a JSON Web Key Set\.$/,
    ],
    "that are empty, as with JWT_ALGORITHM=HS256": [
      (_request, response) => {
        sendJson(response, { keys: [] });
      },
      /: there are none\.$/,
    ],
    "that are silent": [() => undefined, /: there was no response within 1 s\.$/],
    "that stop in the middle": [
      (_request, response) => void response.writeHead(200).write('{"keys":['),
      /: there was no response within 1 s\.$/,
    ],
  };

  test.each(Object.entries(FAULTS))(
    "%s are SERVICE_UNAVAILABLE, never UNAUTHENTICATED, with one line and one request in each cool-down",
    async (_what, [answer, line]) => {
      server.answer = answer;
      const verifier = create({ timeout: 1, cooldown: 2 });
      const token = await issue();
      for (let count = 0; count < 5; count += 1) {
        await expect(verifier.verify(token)).rejects.toMatchObject({
          ...UNAVAILABLE,
          retryAfter: expect.any(Number),
        });
      }
      expect(server.requests).toBe(1);
      expect(lines).toEqual([expect.stringMatching(line)]);
      expect(lines[0]).toMatch(/^The keys of http:\/\/127\.0\.0\.1:\d+\/keys cannot be loaded: /);
      server.answer = (_request, response) => {
        sendJson(response, gate.auth.jwks());
      };
      ahead += 2000;
      expect((await verifier.verify(token)).claims.sub).toBe(ada);
    },
  );

  test("that nobody serves are SERVICE_UNAVAILABLE, and are loaded once they are back", async () => {
    const verifier = create({ cooldown: 1 });
    const token = await issue();
    await server.stop();
    try {
      await expect(verifier.verify(token)).rejects.toMatchObject(UNAVAILABLE);
      expect(lines).toEqual([
        expect.stringMatching(/: (ECONNREFUSED|ECONNRESET|UND_ERR_SOCKET)\.$/),
      ]);
    } finally {
      await server.start();
    }
    ahead += 1000;
    expect((await verifier.verify(token)).claims.sub).toBe(ada);
  });

  test("stay in use while Gatehouse restarts; only a token of an unknown key is SERVICE_UNAVAILABLE", async () => {
    const verifier = create({ cooldown: 1, cacheLifetime: 1 });
    const token = await issue();
    await verifier.verify(token);
    await server.stop();
    try {
      ahead += 1000;
      expect((await verifier.verify(token)).claims.sub).toBe(ada);
      await expect(verifier.verify(await withUnknownKey())).rejects.toMatchObject(UNAVAILABLE);
      expect((await verifier.verify(token)).claims.sub).toBe(ada);
    } finally {
      await server.start();
    }
  });
});

describe("beside a running `gatehouse serve`", () => {
  const gate = setUpFreshGate();
  const run = commandOver(gate, TIMEOUT);

  test(
    "a rotation loses no token, and a revoked key no longer verifies any",
    async () => {
      const server = await serveBeside(gate, gate.secretKey, { JWT_ISSUER: "gatehouse" });
      try {
        const password = "correct horse battery staple";
        const sub = await gate.user("ada");
        const login = async () => (await server.login("ada", password)).replace("Bearer ", "");
        const jwksUrl = `${server.url}/.well-known/jwks.json`;
        const verifier = createVerifier({ ...OPTIONS, jwksUrl, cooldown: 1, cacheLifetime: 1 });
        const old = await login();
        expect((await verifier.verify(old)).claims.sub).toBe(sub);

        expect(await run("rotate-keys", "--now")).toMatchObject({ code: 0 });
        const next = await login();
        expect(decode(next).header["kid"]).not.toBe(decode(old).header["kid"]);
        // The command may take less than the cool-down.
        await sleep(1100);
        for (const token of [old, next]) {
          expect((await verifier.verify(token)).claims.sub).toBe(sub);
        }

        const kid = String(decode(old).header["kid"]);
        expect(await run("rotate-keys", "--revoke", kid)).toMatchObject({ code: 0 });
        // The server reads the new list of keys with the next request.
        await login();
        await sleep(1100);
        await expect(verifier.verify(old)).rejects.toMatchObject({ reason: "token_not_valid" });
        expect((await verifier.verify(next)).claims.sub).toBe(sub);
      } finally {
        await server.stop();
      }
    },
    TIMEOUT,
  );
});
