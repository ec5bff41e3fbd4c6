import { readFileSync } from "node:fs";
import { createServer, request as httpRequest, type Server } from "node:http";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPublicKey, randomBytes, verify } from "node:crypto";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { decode } from "./support/forge.js";
import { Gate, setUpGate } from "./support/gate.js";
import { describeNginx, type Nginx, startSite } from "./support/nginx.js";
import { runNode } from "./support/node-process.js";

const page = readFileSync("docs/gateways.md", "utf8");

/**
 * Returns the first block of the page in a language.
 * @param name the name of the file, if the block's first line has one
 */
function block(language: string, name = ""): string {
  const blocks = page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"));
  const found = [...blocks].map(([, code = ""]) => code).find((code) => code.includes(name));
  if (found === undefined) throw new Error(`The page has no block ${language} ${name}.`);
  return found;
}

const JWKS = "https://auth.example.com/.well-known/jwks.json";
const ISSUER = "https://auth.example.com";

const secret = randomBytes(32).toString("base64url");
const OAUTH = { oauth: true, oauthClients: [`orders:${secret}`] };

test("router.yaml and envoy.yaml are YAML without repeated keys, and name the keys, the issuer and the audience", () => {
  const router = parse(block("yaml", "# router.yaml"), { uniqueKeys: true });
  expect(router.authentication.router.jwt.jwks).toEqual([
    {
      url: JWKS,
      issuers: [ISSUER],
      audiences: ["gatehouse"],
      algorithms: ["ES256"],
      poll_interval: "60s",
    },
  ]);
  const envoy = parse(block("yaml", "# envoy.yaml"), { uniqueKeys: true });
  const { listeners, clusters } = envoy.static_resources;
  const { typed_config: manager } = listeners[0].filter_chains[0].filters[0];
  const filters = manager.http_filters.map(({ name }: { name: string }) => name);
  expect(filters).toEqual(["envoy.filters.http.jwt_authn", "envoy.filters.http.router"]);
  const { providers, rules } = manager.http_filters[0].typed_config;
  const [[name, provider]] = Object.entries<any>(providers) as [[string, any]];
  expect(provider).toMatchObject({ issuer: ISSUER, audiences: ["gatehouse"] });
  expect(provider.remote_jwks.http_uri.uri).toBe(JWKS);
  expect(rules).toEqual([{ match: { prefix: "/" }, requires: { provider_name: name } }]);
  const named = clusters.map((cluster: { name: string }) => cluster.name);
  const [{ route }] = manager.route_config.virtual_hosts[0].routes;
  expect(named).toEqual([provider.remote_jwks.http_uri.cluster, route.cluster]);
});

describe("Hasura's and Kong's files", () => {
  const publicUrl = ISSUER;
  const gate = setUpGate({ publicUrl, jwtIssuer: publicUrl, jwtAlgorithm: "RS256" });
  const kong = setUpGate();

  test("HASURA_GRAPHQL_JWT_SECRET has the issuer and the audience of the tokens, and the namespace of services.md", async () => {
    const config = JSON.parse(block("json"));
    const { claims, header } = decode((await gate.issue(await gate.user("ada"))).access);
    expect(header["alg"]).toBe("RS256");
    expect(config).toMatchObject({
      jwk_url: JWKS,
      issuer: claims["iss"],
      audience: claims["aud"],
    });
    expect(readFileSync("docs/services.md", "utf8")).toContain(`"${config.claims_namespace}": {`);
  });

  test("keys.mjs prints the key that verifies the tokens, for kong.yaml", async () => {
    const folder = await mkdtemp(join(tmpdir(), "kong-"));
    try {
      await writeFile(join(folder, "keys.mjs"), block("js", "// keys.mjs"));
      const env = { AUTH_URL: kong.url };
      const { stdout } = await runNode(["keys.mjs"], { cwd: folder, env, timeout: 60_000 });
      const [kid = "", ...pem] = stdout.trim().split("\n");
      const file = block("yaml", "# kong.yaml")
        .replace("KID", kid)
        .replace("PUBLIC_KEY", pem.join("\n          "));
      const { services, consumers } = parse(file, { uniqueKeys: true });
      expect(services[0].plugins[0].config).toMatchObject({
        key_claim_name: "kid",
        claims_to_verify: ["exp"],
      });
      const [credential] = consumers[0].jwt_secrets;
      const { access } = await kong.issue(await kong.user("ada"));
      const { header } = decode(access);
      expect(header).toMatchObject({ kid: credential.key, alg: credential.algorithm });
      const [input, signature] = access.split(/\.(?=[^.]*$)/) as [string, string];
      const key = createPublicKey(credential.rsa_public_key);
      const bytes = Buffer.from(signature, "base64url");
      expect(verify("sha256", Buffer.from(input), { key, dsaEncoding: "ieee-p1363" }, bytes)).toBe(
        true,
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describeNginx("nginx with the file of the page", () => {
  let gate: Gate;
  let service: Server;
  let nginx: Nginx;
  let ada: string;

  beforeAll(async () => {
    gate = await Gate.open(OAUTH);
    ada = await gate.user("ada");
    service = createServer((request, response) => {
      const { headers } = request;
      // Answer after the whole body. A service that closes earlier makes nginx answer 502.
      request.resume().once("end", () => {
        response.end([headers["x-user-id"], headers["x-user-roles"]].join(" "));
      });
    });
    await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
    const { port } = service.address() as AddressInfo;
    nginx = await startSite(block("nginx"), [
      ["gatehouse:4000", new URL(gate.url).host],
      ["orders:5000", `127.0.0.1:${port}`],
    ]);
  });

  afterAll(async () => {
    await nginx.close();
    service.close();
    await gate.close();
  });

  const get = async (headers: Record<string, string> = {}) => {
    const response = await fetch(nginx.url, { headers });
    return { status: response.status, headers: response.headers, body: await response.text() };
  };

  test("the service gets the user's id and roles, both for an access token and for a static token", async () => {
    for (const { authorization } of [await gate.issue(ada), await gate.issue(ada, "TOKEN")]) {
      expect(await get({ authorization })).toMatchObject({ status: 200, body: `${ada} USER` });
    }
  });

  test("a client cannot set the headers for the user", async () => {
    const { authorization } = await gate.issue(ada);
    const forged = { authorization, "x-user-id": "eve", "x-user-roles": "ADMIN" };
    expect((await get(forged)).body).toBe(`${ada} USER`);
    expect((await get({ "x-user-id": "eve", "x-auth-request-user": "eve" })).status).toBe(401);
  });

  test("without a working token, the answer is 401 with the schemes, and a logout takes effect at once", async () => {
    const { refresh, authorization } = await gate.issue(ada);
    expect((await get({ authorization })).status).toBe(200);
    await gate.logout({ authorization });
    for (const given of [undefined, authorization, `Bearer ${refresh}`, "Bearer a"]) {
      const { status, headers } = await get(given === undefined ? {} : { authorization: given });
      expect([given, status]).toEqual([given, 401]);
      expect(headers.get("www-authenticate")).toContain("Bearer");
    }
  });

  test("a body of the client is not sent to Gatehouse", async () => {
    const { authorization } = await gate.issue(ada);
    const body = "a".repeat(200_000);
    const response = await fetch(nginx.url, { method: "POST", headers: { authorization }, body });
    expect([response.status, await response.text()]).toEqual([200, `${ada} USER`]);
  });

  test("two Authorization lines are refused", async () => {
    const { authorization } = await gate.issue(ada);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const headers = [
        ...["host", new URL(nginx.url).host],
        ...["authorization", authorization, "authorization", "Bearer other"],
      ];
      httpRequest(nginx.url, { headers }, (response) => {
        text(response).then(() => {
          resolve(response.statusCode);
        }, reject);
      }).end();
    });
    expect([400, 401]).toContain(status);
  });

  test("while Gatehouse is away, the answer is 503 with Retry-After, never 401", async () => {
    const { authorization } = await gate.issue(ada);
    const other = await startSite(block("nginx"), [
      ["gatehouse:4000", "127.0.0.1:9"],
      ["orders:5000", "127.0.0.1:9"],
    ]);
    try {
      const { status, headers } = await fetch(other.url, { headers: { authorization } });
      expect([status, headers.get("retry-after")]).toEqual([503, "1"]);
    } finally {
      await other.close();
    }
  });
});
