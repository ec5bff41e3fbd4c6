import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { request } from "node:http";
import { text } from "node:stream/consumers";
import { beforeAll, describe, expect, test } from "@jest/globals";
import * as oauth4webapi from "oauth4webapi";
import { findFreePort } from "../../support/free-port.js";
import { decode, forge, stealKeys } from "../../support/forge.js";
import { describeGates, Gate, setUpGate } from "../../support/gate.js";

const SECRET = randomBytes(32).toString("base64url");
const OTHER_SECRET = randomBytes(32).toString("base64url");
const OAUTH = { oauth: true, oauthClients: [`orders:${SECRET}`, `billing:${OTHER_SECRET}`] };

const INACTIVE = { active: false };

function basic(id: string, secret: string): string {
  return `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`;
}

interface Sending {
  authorization?: string | null;
  type?: string;
  hint?: string;
}

/** Sends a form to an endpoint of a gate, by default as the service `orders`. */
async function post(
  gate: Pick<Gate, "url">,
  path: "introspect" | "revoke",
  form: string | Record<string, string>,
  { authorization = basic("orders", SECRET), type }: Sending = {},
) {
  const response = await fetch(`${gate.url}/oauth/${path}`, {
    method: "POST",
    headers: {
      "content-type": type ?? "application/x-www-form-urlencoded",
      ...(authorization !== null && { authorization }),
    },
    body: typeof form === "string" ? form : new URLSearchParams(form).toString(),
  });
  const body = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: body === "" ? null : JSON.parse(body),
  };
}

async function introspect(gate: Gate, token: string, hint?: string): Promise<any> {
  const form = { token, ...(hint !== undefined && { token_type_hint: hint }) };
  const { status, body } = await post(gate, "introspect", form);
  expect(status).toBe(200);
  return body;
}

describeGates({ ...OAUTH, roles: ["USER", "EDITOR", "ADMIN"] }, (gate) => {
  let ada: string;

  beforeAll(async () => {
    ada = await gate.user("ada", { role: "EDITOR" as never });
  });

  describe("POST /oauth/introspect", () => {
    test("RFC 7662 2.2: an access token is active, with its claims and the role in the database", async () => {
      const { access, session } = await gate.issue(ada);
      const { claims } = decode(access);
      expect(await introspect(gate, access)).toEqual({
        active: true,
        token_type: "Bearer",
        sub: ada,
        username: "ada",
        role: "EDITOR",
        roles: ["USER", "EDITOR"],
        client_id: "gatehouse",
        iss: claims["iss"],
        aud: "gatehouse",
        sid: session.id,
        jti: claims["jti"],
        iat: claims.iat,
        exp: claims.exp,
      });
    });

    test("a static token is active, with the scheme Token and the end of its session", async () => {
      const { token, session } = await gate.issue(ada, "TOKEN");
      const iat = Math.floor(gate.now / 1000);
      expect(await introspect(gate, token)).toEqual({
        ...{ active: true, token_type: "Token", sub: ada, username: "ada" },
        ...{ role: "EDITOR", roles: ["USER", "EDITOR"], iss: "gatehouse", aud: "gatehouse" },
        ...{ sid: session.id, iat, exp: iat + 90 * 86_400 },
      });
    });

    test("a sliding token is active", async () => {
      const { token } = await gate.issue(ada, "SLIDING");
      expect(await introspect(gate, token)).toMatchObject({ active: true, token_type: "Bearer" });
    });

    test("a refresh token is active only for a client that asks for one, and has no token_type", async () => {
      const { refresh } = await gate.issue(ada);
      expect(await introspect(gate, refresh)).toEqual(INACTIVE);
      expect(await introspect(gate, refresh, "access_token")).toEqual(INACTIVE);
      const answer = await introspect(gate, refresh, "refresh_token");
      expect(answer).toMatchObject({ active: true, sub: ada });
      expect(answer).not.toHaveProperty("token_type");
    });

    test("RFC 7662 2.1: a wrong or unknown hint changes nothing", async () => {
      const { access } = await gate.issue(ada);
      for (const hint of ["refresh_token", "pat"]) {
        expect((await introspect(gate, access, hint)).active).toBe(true);
      }
    });

    test("RFC 7662 2.2: the answer about a token that does not work says nothing else", async () => {
      const { access, refresh, authorization } = await gate.issue(ada);
      const { header, claims } = decode(access);
      const expired = { ...claims, iat: claims.iat - 900, exp: claims.iat - 600 };
      const { access: key } = stealKeys(gate);
      await gate.refresh(refresh);
      const { access: ended } = await gate.issue(ada);
      await gate.logout({ authorization: `Bearer ${ended}` });
      const tokens = {
        expired: forge(key, header, expired),
        "of another audience": forge(key, header, { ...claims, aud: "other" }),
        "of another type": forge(key, { ...header, typ: "JWT" }, claims),
        "an ended session's": ended,
        "with a scheme": authorization,
        "an unknown static token": `gth_${"a".repeat(32)}_${"b".repeat(49)}`,
        long: `${access}${"a".repeat(50_000)}`,
        text: "\u0000 é",
      };
      for (const [what, token] of Object.entries(tokens)) {
        expect([what, await introspect(gate, token)]).toEqual([what, INACTIVE]);
      }
      expect(await introspect(gate, refresh, "refresh_token")).toEqual(INACTIVE);
    });

    test("a deactivation or a new role shows at once", async () => {
      const eve = await gate.user("eve");
      const { access } = await gate.issue(eve);
      await gate.auth.accounts.setRole(eve, "EDITOR" as never);
      expect((await introspect(gate, access)).roles).toEqual(["USER", "EDITOR"]);
      await gate.auth.accounts.setActive(eve, false);
      expect(await introspect(gate, access)).toEqual(INACTIVE);
    });

    test("it costs one statement for a token of any kind", async () => {
      const [jwt, fixed] = [await gate.issue(ada), await gate.issue(ada, "TOKEN")];
      for (const token of [jwt.access, jwt.refresh, fixed.token, "nonsense"]) {
        const count = await gate.countStatements(() => introspect(gate, token, "refresh_token"));
        expect(count).toBe(token === "nonsense" ? 0 : 1);
      }
    });

    test("no cache may store the answer", async () => {
      const { access } = await gate.issue(ada);
      const { headers } = await post(gate, "introspect", { token: access });
      expect(headers.get("cache-control")).toBe("no-store");
    });
  });

  describe("POST /oauth/revoke", () => {
    test("RFC 7009 2.1: ends the session of a token of any kind, and so its other tokens", async () => {
      const [jwt, fixed, sliding] = [
        await gate.issue(ada),
        await gate.issue(ada, "TOKEN"),
        await gate.issue(ada, "SLIDING"),
      ];
      for (const token of [jwt.refresh, fixed.token, sliding.token]) {
        expect(await post(gate, "revoke", { token })).toMatchObject({ status: 200, body: null });
      }
      for (const token of [jwt.access, jwt.refresh, fixed.token, sliding.token]) {
        expect(await introspect(gate, token, "refresh_token")).toEqual(INACTIVE);
      }
      expect((await gate.me(jwt.authorization)).reason).toBe("token_revoked");
    });

    test("an expired access token also ends its session", async () => {
      const { access, refresh } = await gate.issue(ada);
      const { header, claims } = decode(access);
      const expired = { ...claims, iat: claims.iat - 900, exp: claims.iat - 600 };
      const token = forge(stealKeys(gate).access, header, expired);
      expect((await post(gate, "revoke", { token })).status).toBe(200);
      expect((await gate.refresh(refresh)).reason).toBe("token_revoked");
    });

    test("RFC 7009 2.2: a token that is unknown, malformed or revoked already is answered with 200", async () => {
      const { access } = await gate.issue(ada);
      const tokens = [access, access, "nonsense", `gth_${"a".repeat(32)}_${"b".repeat(49)}`];
      for (const token of tokens) {
        expect((await post(gate, "revoke", { token })).status).toBe(200);
      }
    });

    test("the audit trail names the client, once", async () => {
      const { access, session } = await gate.issue(ada);
      gate.events.length = 0;
      const authorization = basic("billing", OTHER_SECRET);
      await post(gate, "revoke", { token: access }, { authorization });
      await post(gate, "revoke", { token: access }, { authorization });
      expect(gate.events).toEqual([
        { type: "session_ended", userId: ada, sessionId: session.id, reason: "logout" },
        {
          type: "oauth:revoked",
          userId: ada,
          details: { clientId: "billing", sessionId: session.id },
        },
      ]);
    });
  });

  describe.each(["introspect", "revoke"] as const)("POST /oauth/%s refuses", (path) => {
    test("RFC 6749 5.2: wrong and missing credentials with 401, invalid_client and a challenge", async () => {
      const { access: token } = await gate.issue(ada);
      const wrong = [
        null,
        "Basic",
        "Basic !!!",
        `Bearer ${token}`,
        basic("orders", OTHER_SECRET),
        basic("orders", SECRET.slice(0, -1)),
        basic("", SECRET),
        basic("orders", ""),
        basic("nobody", SECRET),
        basic("orders", `${SECRET}%zz`),
      ];
      for (const authorization of wrong) {
        const { status, headers, body } = await post(gate, path, { token }, { authorization });
        expect([authorization, status, body.error]).toEqual([authorization, 401, "invalid_client"]);
        expect(headers.get("www-authenticate")).toBe('Basic realm="gatehouse"');
        expect(headers.get("cache-control")).toBe("no-store");
      }
      const inBody = { token, client_id: "orders", client_secret: SECRET };
      expect((await post(gate, path, inBody, { authorization: null })).status).toBe(401);
      expect((await introspect(gate, token)).active).toBe(true);
    });

    test("RFC 6749 5.2: a malformed body with 400 and invalid_request", async () => {
      const { access } = await gate.issue(ada);
      const bodies: [string, Sending?][] = [
        [""],
        ["token="],
        [`token=${access}&token=${access}`],
        [`token=${access}&token_type_hint=a&token_type_hint=b`],
        [JSON.stringify({ token: access }), { type: "application/json" }],
      ];
      for (const [body, sending] of bodies) {
        const refused = await post(gate, path, body, sending);
        expect([body, refused.status, refused.body.error]).toEqual([body, 400, "invalid_request"]);
      }
      expect((await introspect(gate, access)).active).toBe(true);
    });
  });

  test("RFC 6749 2.3.1: a client may percent-encode its id and secret", async () => {
    const { access: token } = await gate.issue(ada);
    const encoded = SECRET.replace(/./g, (letter) => `%${letter.charCodeAt(0).toString(16)}`);
    const authorization = basic("orders", encoded);
    expect((await post(gate, "introspect", { token }, { authorization })).body.active).toBe(true);
  });

  describe("GET /oauth/userinfo", () => {
    const get = (authorization?: string) =>
      fetch(`${gate.url}/oauth/userinfo`, {
        headers: authorization === undefined ? {} : { authorization },
      });

    test("answers who sent the request, also in headers for a proxy", async () => {
      const tokens = [await gate.issue(ada), await gate.issue(ada, "TOKEN")];
      for (const { authorization } of tokens) {
        const response = await get(authorization);
        expect([response.status, await response.json()]).toEqual([
          200,
          { sub: ada, preferred_username: "ada", role: "EDITOR", roles: ["USER", "EDITOR"] },
        ]);
        const { headers } = response;
        expect(headers.get("x-auth-request-user")).toBe(ada);
        expect(headers.get("x-auth-request-groups")).toBe("USER,EDITOR");
        expect(headers.get("cache-control")).toBe("no-store");
      }
    });

    test("refuses everything else with 401, a code and the schemes that are served", async () => {
      const { access, refresh, authorization } = await gate.issue(ada);
      await gate.logout({ authorization });
      const refused = [
        [undefined, "no_credentials"],
        [basic("orders", SECRET), "no_credentials"],
        ["Bearer", "bad_authorization_header"],
        [`Bearer ${refresh}`, "token_wrong_type"],
        [`Bearer ${access}`, "token_revoked"],
      ] as const;
      for (const [header, reason] of refused) {
        const response = await get(header);
        const { errors } = (await response.json()) as any;
        expect([header, response.status, errors[0].extensions]).toEqual([
          header,
          401,
          { code: "UNAUTHENTICATED", reason },
        ]);
        expect(response.headers.get("www-authenticate")).toContain("Bearer");
      }
    });

    test("refuses two Authorization lines, because another server may read the other one", async () => {
      const { authorization } = await gate.issue(ada);
      const answer = await new Promise<string>((resolve, reject) => {
        request(
          `${gate.url}/oauth/userinfo`,
          {
            headers: [
              ...["host", new URL(gate.url).host],
              ...["authorization", authorization, "authorization", "Bearer other"],
            ],
          },
          (response) => void text(response).then(resolve, reject),
        ).end();
      });
      expect(answer).toContain("bad_authorization_header");
    });
  });
});

describe("an administrator who acts as a user", () => {
  const gate = setUpGate({ ...OAUTH, impersonation: true });

  test("is named by the introspection and by the user's info", async () => {
    const admin = await gate.user("admin", { role: "ADMIN" });
    const ada = await gate.user("ada");
    const { authorization } = await gate.login("admin");
    const query = `mutation ($userId: ID!) { impersonate(userId: $userId, reason: "ticket 4711") { access } }`;
    const { data } = await gate.ask(query, { authorization, variables: { userId: ada } });
    const { access } = data.impersonate;
    expect(await introspect(gate, access)).toMatchObject({ sub: ada, act: { sub: admin } });
    const info = await fetch(`${gate.url}/oauth/userinfo`, {
      headers: { authorization: `Bearer ${access}` },
    });
    expect(await info.json()).toMatchObject({ sub: ada, act: { sub: admin } });
  });
});

describe("a service with the wrong secret", () => {
  const gate = setUpGate({ ...OAUTH, requestsPerAddress: 3 });

  test("is throttled, while the same address with the right secret is not", async () => {
    const authorization = basic("orders", OTHER_SECRET);
    const statuses: number[] = [];
    for (let count = 0; count < 4; count += 1) {
      statuses.push((await post(gate, "introspect", { token: "a" }, { authorization })).status);
    }
    expect(statuses).toEqual([401, 401, 401, 429]);
    const { headers, body } = await post(gate, "revoke", { token: "a" }, { authorization });
    expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
    expect(body.error).toBe("temporarily_unavailable");
    for (let count = 0; count < 10; count += 1) {
      expect((await post(gate, "introspect", { token: "a" })).body).toEqual(INACTIVE);
    }
  });
});

describe("while the database fails", () => {
  const gate = setUpGate(OAUTH);

  test("RFC 7009 2.2.1: both endpoints answer 503 in OAuth's form, and say when to try again", async () => {
    const { access: token } = await gate.issue(await gate.user("ada"));
    await gate.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    await writeFile(gate.databasePath, Buffer.alloc(8192, 0x5a));
    for (const path of ["introspect", "revoke"] as const) {
      const { status, headers, body } = await post(gate, path, { token });
      expect([path, status, body.error]).toEqual([path, 503, "temporarily_unavailable"]);
      expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
      expect(body.error_description).not.toMatch(/session|sql/i);
    }
  });
});

describe("the metadata", () => {
  const PATHS = ["openid-configuration", "oauth-authorization-server"];
  const port = findFreePort();

  test.each(["oidc", "oauth2"] as const)(
    "is accepted by an independent OAuth client (%s), which then introspects and revokes",
    async (algorithm) => {
      const issuer = new URL(`http://127.0.0.1:${await port}`);
      const options = { ...OAUTH, port: Number(issuer.port), publicUrl: issuer.origin };
      const gate = await Gate.open(options);
      try {
        // eslint-disable-next-line @typescript-eslint/no-deprecated -- the servers of the test have no TLS
        const insecure = { [oauth4webapi.allowInsecureRequests]: true };
        const found = await oauth4webapi.discoveryRequest(issuer, { algorithm, ...insecure });
        const server = await oauth4webapi.processDiscoveryResponse(issuer, found);
        const client = { client_id: "orders" };
        const auth = oauth4webapi.ClientSecretBasic(SECRET);
        const ada = await gate.user("ada");
        const { access, refresh } = await gate.issue(ada);

        const bearer = new Request("https://orders.example.com", {
          headers: { authorization: `Bearer ${access}` },
        });
        const checked = oauth4webapi.validateJwtAccessToken(server, bearer, "gatehouse", insecure);
        expect((await checked).sub).toBe(ada);

        const ask = async () => {
          const asked = await oauth4webapi.introspectionRequest(
            ...[server, client, auth, access, insecure],
          );
          return oauth4webapi.processIntrospectionResponse(server, client, asked);
        };
        expect(await ask()).toMatchObject({ active: true, sub: ada });
        const info = await oauth4webapi.userInfoRequest(server, client, access, insecure);
        expect((await oauth4webapi.processUserInfoResponse(server, client, ada, info)).sub).toBe(
          ada,
        );
        const revoked = await oauth4webapi.revocationRequest(
          ...[server, client, auth, refresh, insecure],
        );
        await oauth4webapi.processRevocationResponse(revoked);
        expect(await ask()).toEqual(INACTIVE);
      } finally {
        await gate.close();
      }
    },
  );

  describe("where PUBLIC_URL is the issuer", () => {
    const publicUrl = "https://auth.example.com";
    const gate = setUpGate({ ...OAUTH, publicUrl, jwtIssuer: publicUrl });

    test.each(PATHS)("RFC 8414 2: %s lists what is served, and nothing else", async (path) => {
      const response = await fetch(`${gate.url}/.well-known/${path}`);
      expect(await response.json()).toEqual({
        issuer: publicUrl,
        jwks_uri: `${publicUrl}/.well-known/jwks.json`,
        introspection_endpoint: `${publicUrl}/oauth/introspect`,
        introspection_endpoint_auth_methods_supported: ["client_secret_basic"],
        revocation_endpoint: `${publicUrl}/oauth/revoke`,
        revocation_endpoint_auth_methods_supported: ["client_secret_basic"],
        userinfo_endpoint: `${publicUrl}/oauth/userinfo`,
        response_types_supported: [],
        grant_types_supported: [],
        subject_types_supported: ["public"],
      });
      expect(response.headers.get("cache-control")).toBe("public, max-age=300");
    });
  });

  test.each([
    ["JWKS_ENDPOINT is off", { jwksEndpoint: false }],
    ["the keys are secret", { jwtAlgorithm: "HS256" }],
  ] as const)("has no jwks_uri where %s", async (_why, more) => {
    const publicUrl = "https://auth.example.com";
    const gate = await Gate.open({ ...OAUTH, publicUrl, jwtIssuer: publicUrl, ...more });
    try {
      const response = await fetch(`${gate.url}/.well-known/openid-configuration`);
      expect(await response.json()).not.toHaveProperty("jwks_uri");
    } finally {
      await gate.close();
    }
  });

  describe.each([
    ["there is no PUBLIC_URL", { publicUrl: undefined }],
    ["the issuer is not PUBLIC_URL", { jwtIssuer: "gatehouse" }],
  ])("where %s", (_why, more) => {
    const gate = setUpGate({ ...OAUTH, publicUrl: "https://auth.example.com", ...more });

    test.each(PATHS)(
      "RFC 8414 3.3: %s is not served, because clients would refuse it",
      async (path) => {
        expect((await fetch(`${gate.url}/.well-known/${path}`)).status).toBe(404);
      },
    );
  });
});

describe("switched off", () => {
  const gate = setUpGate({ oauthClients: OAUTH.oauthClients });

  test("nothing is served", async () => {
    expect((await post(gate, "introspect", { token: "a" })).status).toBe(404);
    expect((await fetch(`${gate.url}/oauth/userinfo`)).status).toBe(404);
    expect(gate.auth.routes.filter(({ path }) => path.startsWith("/oauth"))).toEqual([]);
  });
});
