import { randomBytes } from "node:crypto";
import { createServer, request as httpRequest, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import { expressMiddleware } from "@as-integrations/express5";
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
// @ts-expect-error -- Express has no types here
import express from "express";
import { fastify } from "fastify";
import {
  createVerifier,
  Refusal,
  type RequestRequirements,
  type Verifier,
  type VerifierOptions,
} from "../../src/verify/index.js";
import { setUpGate } from "../support/gate.js";
import { sendJson, setUpCountingServer } from "./key-server.js";

const SECRET = randomBytes(32).toString("base64url");
const gate = setUpGate({ oauth: true, oauthClients: [`orders:${SECRET}`] });

const OPTIONS = { issuer: "gatehouse", audience: "gatehouse" };

const create = (options: Partial<VerifierOptions> = {}): Verifier =>
  createVerifier({ ...OPTIONS, jwksUrl: `${gate.url}/.well-known/jwks.json`, ...options });

const introspecting = (more: object = {}, options: Partial<VerifierOptions> = {}) =>
  create({
    introspection: {
      url: `${gate.url}/oauth/introspect`,
      clientId: "orders",
      clientSecret: SECRET,
      ...more,
    },
    ...options,
  });

let ada: string;
let admin: string;

beforeAll(async () => {
  ada = await gate.user("ada");
  admin = await gate.user("admin", { role: "ADMIN" });
});

/** Starts a service that answers with the user's id, or `nobody`. Returns its URL, and a function that stops it. */
type Start = (verifier: Verifier, requirements?: RequestRequirements) => Promise<Started>;
type Started = [url: string, stop: () => Promise<unknown>];

interface Guarded {
  readonly auth: { readonly claims: { readonly sub: string } } | null;
}

const nameOf = ({ auth }: Guarded) => auth?.claims.sub ?? "nobody";

function listening(server: Server): Promise<Started> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      resolve([
        `http://127.0.0.1:${port}/`,
        () =>
          new Promise((stopped) => {
            server.close(stopped).closeAllConnections();
          }),
      ]);
    });
  });
}

const typeDefs = "type Query { me: String }";
const resolvers = {
  Query: { me: (_root: unknown, _args: object, context: Guarded) => nameOf(context) },
};
const ME = "?query={me}";
const APOLLO = { headers: { "apollo-require-preflight": "1" } };

const SERVICES: Record<string, Start> = {
  express: (verifier, requirements) => {
    const app = express();
    app.use(verifier.express(requirements));
    app.get("/", (request: Guarded, response: any) => response.send(nameOf(request)));
    return listening(createServer(app));
  },
  fastify: async (verifier, requirements) => {
    const app = fastify();
    app.addHook("onRequest", verifier.fastify(requirements));
    app.get("/", (request) => nameOf(request as never));
    return [await app.listen({ port: 0, host: "127.0.0.1" }), () => app.close()];
  },
  "Apollo's standalone server": async (verifier, requirements = {}) => {
    const server = new ApolloServer<Guarded>({ typeDefs, resolvers });
    const context = verifier.apolloContext(requirements);
    const { url } = await startStandaloneServer(server, {
      listen: { port: 0, host: "127.0.0.1" },
      context,
    });
    return [url + ME, () => server.stop()];
  },
  "Apollo in Express": async (verifier, requirements = {}) => {
    const server = new ApolloServer<Guarded>({ typeDefs, resolvers });
    await server.start();
    const app = express();
    app.use(express.json());
    const context = verifier.apolloContext(requirements);
    app.use("/", expressMiddleware(server, { context }));
    const [url, stop] = await listening(createServer(app));
    return [url + ME, () => server.stop().then(stop)];
  },
  "a fetch handler": (verifier, requirements = {}) => {
    async function handle(request: Request): Promise<Response> {
      try {
        return new Response(nameOf({ auth: await verifier.fromRequest(request, requirements) }));
      } catch (error) {
        if (error instanceof Refusal) return error.toResponse();
        throw error;
      }
    }
    return listening(
      createServer((incoming, outgoing) => {
        const { authorization } = incoming.headers;
        const headers = authorization === undefined ? {} : { authorization };
        void handle(new Request("http://service.example.com/", { headers })).then(
          async (response) => {
            outgoing.writeHead(response.status, Object.fromEntries(response.headers));
            outgoing.end(await response.text());
          },
        );
      }),
    );
  },
};

describe.each(Object.entries(SERVICES))("%s", (service, start) => {
  const isApollo = service.startsWith("Apollo");
  const stops: (() => Promise<unknown>)[] = [];

  const run = async (verifier: Verifier, requirements?: RequestRequirements) => {
    const [url, stop] = await start(verifier, requirements);
    stops.push(stop);
    return url;
  };

  afterAll(async () => {
    for (const stop of stops) await stop();
  });

  async function get(url: string, authorization?: string) {
    const headers = { ...APOLLO.headers, ...(authorization !== undefined && { authorization }) };
    const response = await fetch(url, { headers });
    const body = await response.text();
    return { status: response.status, headers: response.headers, body };
  }

  /** Expects a coded refusal, in the form of Gatehouse's own errors. */
  function expectRefused(
    { status, headers, body }: Awaited<ReturnType<typeof get>>,
    expected: { status: number; code: string; reason?: string; challenge?: string },
  ) {
    const { errors } = JSON.parse(body);
    const { code, reason, http } = errors[0].extensions;
    expect({ status, code, reason }).toEqual({
      status: expected.status,
      code: expected.code,
      reason: expected.reason,
    });
    expect(http).toBeUndefined();
    expect(headers.get("content-type")).toContain("application/json");
    expect(headers.get("cache-control")).toContain("no-store");
    if (expected.challenge === undefined) expect(headers.has("www-authenticate")).toBe(false);
    else expect(headers.get("www-authenticate")).toBe(expected.challenge);
  }

  test("gets the claims of a valid token", async () => {
    const url = await run(create());
    const { status, body } = await get(url, (await gate.issue(ada)).authorization);
    expect([status, body]).toEqual([200, isApollo ? `{"data":{"me":"${ada}"}}\n` : ada]);
  });

  test("RFC 6750 3.1: answers a request without a token with a bare challenge", async () => {
    const url = await run(create());
    for (const authorization of [undefined, "Basic YTpi", "Token gth_a"]) {
      expectRefused(await get(url, authorization), {
        ...{ status: 401, code: "UNAUTHENTICATED", reason: "no_credentials" },
        challenge: 'Bearer realm="gatehouse"',
      });
    }
  });

  test("RFC 6750 3: answers a wrong token with invalid_token", async () => {
    const url = await run(create());
    const { refresh } = await gate.issue(ada);
    const wrong = [
      [
        "Bearer",
        "bad_authorization_header",
        "The Authorization header must hold one Bearer token.",
      ],
      [
        "Bearer a b",
        "bad_authorization_header",
        "The Authorization header must hold one Bearer token.",
      ],
      ["Bearer a", "token_not_valid", "Token is not valid."],
      [`bearer ${refresh}`, "token_wrong_type", "Only access tokens are accepted here."],
      [`Bearer ${"a".repeat(8000)}`, "token_not_valid", "Token is not valid."],
    ] as const;
    for (const [authorization, reason, message] of wrong) {
      expectRefused(await get(url, authorization), {
        ...{ status: 401, code: "UNAUTHENTICATED", reason },
        challenge: `Bearer realm="gatehouse", error="invalid_token", error_description="${message}"`,
      });
    }
  });

  test("lets a request without a token pass where that is allowed, but not one with a wrong token", async () => {
    const url = await run(create(), { isOptional: true });
    expect((await get(url)).body).toContain("nobody");
    expect((await get(url, "Basic YTpi")).body).toContain("nobody");
    expect((await get(url, (await gate.issue(ada)).authorization)).body).toContain(ada);
    expect((await get(url, "Bearer a")).status).toBe(401);
  });

  test("answers 503 and Retry-After while the keys cannot be loaded", async () => {
    const url = await run(create({ jwksUrl: `${gate.url}/nothing`, log: () => undefined }));
    const answer = await get(url, (await gate.issue(ada)).authorization);
    expectRefused(answer, { status: 503, code: "SERVICE_UNAVAILABLE" });
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(answer.body).not.toContain(gate.url);
  });

  test("RFC 6750 3.1: a role is checked in Gatehouse, and a lower role is insufficient_scope", async () => {
    const url = await run(introspecting(), { role: "ADMIN" });
    expect((await get(url, (await gate.issue(admin)).authorization)).body).toContain(admin);
    expectRefused(await get(url, (await gate.issue(ada)).authorization), {
      ...{ status: 403, code: "FORBIDDEN", reason: "role_required" },
      challenge:
        'Bearer realm="gatehouse", error="insufficient_scope", error_description="This needs the role ADMIN."',
    });
  });

  if (service !== "a fetch handler") {
    test("refuses two Authorization lines", async () => {
      const url = await run(create());
      const { authorization } = await gate.issue(ada);
      const answer = await new Promise<string>((resolve, reject) => {
        const headers = [
          ...["host", new URL(url).host, "apollo-require-preflight", "1"],
          ...["authorization", authorization, "authorization", "Bearer other"],
        ];
        httpRequest(url, { headers }, (response) => {
          text(response).then(resolve, reject);
        }).end();
      });
      expect(answer).toContain("bad_authorization_header");
    });
  }
});

describe("introspection", () => {
  const lines: string[] = [];
  const log = (line: string) => lines.push(line);

  beforeEach(() => {
    lines.length = 0;
  });

  test("says who the user is now, and costs Gatehouse one statement", async () => {
    const verifier = introspecting();
    const { access, session } = await gate.issue(admin);
    await verifier.verify(access);
    let verified: Awaited<ReturnType<Verifier["verify"]>> | undefined;
    const count = await gate.countStatements(async () => {
      verified = await verifier.verify(access, { role: "USER" });
    });
    expect(count).toBe(1);
    expect(verified?.introspection).toMatchObject({
      ...{ active: true, sub: admin, username: "admin", sid: session.id },
      ...{ role: "ADMIN", roles: ["USER", "ADMIN"] },
    });
  });

  test("a logout is noticed at the next request, but without introspection only when the token expires", async () => {
    const { access, authorization } = await gate.issue(ada);
    const [asking, alone] = [introspecting(), create()];
    await asking.verify(access);
    await gate.logout({ authorization });
    await expect(asking.verify(access)).rejects.toMatchObject({
      ...{ code: "UNAUTHENTICATED", reason: "token_revoked", status: 401 },
    });
    expect((await alone.verify(access)).claims.sub).toBe(ada);
  });

  test("with a cache, a logout is noticed once the cached answer expires", async () => {
    const { access, authorization } = await gate.issue(ada);
    const verifier = introspecting({ cache: 60 });
    await verifier.verify(access);
    await gate.logout({ authorization });
    expect((await verifier.verify(access)).claims.sub).toBe(ada);
    // The cache keeps the time that it has read until a timer of one millisecond ends.
    await sleep(2);
    const now = performance.now.bind(performance);
    const clock = jest.spyOn(performance, "now").mockImplementation(() => now() + 60_000);
    const later = verifier.verify(access);
    await expect(later).rejects.toMatchObject({ reason: "token_revoked" });
    clock.mockRestore();
  });

  test.each([
    ["a wrong secret", { clientSecret: "a" }, "it refuses clientId and clientSecret"],
    ["a wrong path", { url: "PATH" }, "the status is 404"],
    ["a server that is away", { url: "http://127.0.0.1:9/" }, "ECONNREFUSED|bad port"],
  ] as [string, { url?: string; clientSecret?: string }, string][])(
    "%s is SERVICE_UNAVAILABLE, with one line",
    async (_what, wrong, reason) => {
      const given = wrong.url === "PATH" ? { url: `${gate.url}/nothing` } : wrong;
      const verifier = introspecting(given, { log });
      const { access } = await gate.issue(ada);
      await expect(verifier.verify(access)).rejects.toMatchObject({
        ...{ code: "SERVICE_UNAVAILABLE", status: 503, reason: undefined, retryAfter: 1 },
      });
      expect(lines).toEqual([
        expect.stringMatching(`cannot be asked about tokens: (${reason})\\.$`),
      ]);
      expect(lines[0]).not.toContain(SECRET);
    },
  );

  describe("by another server", () => {
    const other = setUpCountingServer(() => undefined);
    const asking = () =>
      introspecting({ url: `${other.url}/oauth/introspect` }, { timeout: 1, log });

    test("that is silent is SERVICE_UNAVAILABLE", async () => {
      const { access } = await gate.issue(ada);
      await expect(asking().verify(access)).rejects.toMatchObject({ code: "SERVICE_UNAVAILABLE" });
      expect(lines).toEqual([expect.stringMatching(/there was no response within 1 s\.$/)]);
    });

    test.each([
      ["is busy", 429, {}, "SERVICE_UNAVAILABLE"],
      ["says nothing about the token", 200, {}, "UNAUTHENTICATED"],
      ["says that active is a text", 200, { active: "true" }, "UNAUTHENTICATED"],
      ["names another user", 200, { active: true, sub: "eve", roles: ["USER"] }, "UNAUTHENTICATED"],
    ])("that %s does not accept the token", async (_what, status, body, code) => {
      other.answer = (_request, response) => {
        sendJson(response, body, status);
      };
      const { access } = await gate.issue(ada);
      await expect(asking().verify(access)).rejects.toMatchObject({ code });
    });

    test.each([
      ["null", () => null],
      ["a number", () => 1],
      ["no roles", () => ({ active: true, sub: ada })],
      ["roles that are a text", () => ({ active: true, sub: ada, roles: "ADMIN" })],
    ])("that answers %s is SERVICE_UNAVAILABLE", async (_what, body) => {
      other.answer = (_request, response) => {
        sendJson(response, body());
      };
      const { access } = await gate.issue(ada);
      await expect(asking().verify(access, { role: "ADMIN" })).rejects.toMatchObject({
        code: "SERVICE_UNAVAILABLE",
      });
      expect(lines).toEqual([expect.stringMatching(/the response is not an introspection\.$/)]);
    });

    test("never gets a token that is not valid", async () => {
      other.requests = 0;
      const { refresh, token } = await gate.issue(ada);
      for (const wrong of [refresh, token, "a.b.c"]) {
        await expect(asking().verify(wrong)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
      }
      expect(other.requests).toBe(0);
    });
  });
});
