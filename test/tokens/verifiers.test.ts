import { createHmac } from "node:crypto";
import { mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createRemoteJWKSet, jwtVerify } from "jose";
import type { Key } from "../../src/keys/key-ring.js";
import { ROOT } from "../support/command.js";
import { createDatabase } from "../support/databases.js";
import { decode, forge, signingInput, stealKeys } from "../support/forge.js";
import { findFreePort } from "../support/free-port.js";
import { type Gate, setUpGate } from "../support/gate.js";
import { startNode, waitForLine } from "../support/node-process.js";

/** The folder is inside the package, so that the blocks of the page find the installed libraries. */
const FOLDER = `${ROOT}test/generated/services`;
/** The blocks of docs/services.md that verify tokens. */
const VERIFIERS = ["verify", "jose", "express", "passport", "fastify"] as const;
type Verifier = (typeof VERIFIERS)[number];

const page = await readFile(`${ROOT}docs/services.md`, "utf8");
const blocks = [...page.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code = ""]) => code);

const stops: (() => void)[] = [];
const freePorts = [await findFreePort(), await findFreePort()];

beforeAll(async () => {
  await rm(FOLDER, { recursive: true, force: true });
  await mkdir(`${FOLDER}/node_modules`, { recursive: true });
  await symlink(ROOT, `${FOLDER}/node_modules/graphql-gatehouse`);
  await writeFile(`${FOLDER}/package.json`, `{ "type": "module" }`);
  for (const code of blocks) {
    const [, name] = /^\/\/ (\S+\.js)\n/.exec(code) ?? [];
    if (name !== undefined) await writeFile(`${FOLDER}/${name}`, code);
  }
});

afterAll(() => {
  for (const stop of stops) stop();
});

/** Starts a block of the page, and returns what it prints after "Ready". */
async function start(name: string, env: Record<string, string>): Promise<string> {
  const options = { cwd: FOLDER, env: { PORT: "0", ...env }, timeout: 300_000 };
  const { child } = startNode([`${name}.js`], options);
  stops.push(() => child.kill());
  const [, printed = ""] = await waitForLine(child, /^Ready (?:on|at) (\S+)$/m);
  return printed;
}

describe.each(["ES256", "RS256"] as const)("tokens signed with %s", (jwtAlgorithm) => {
  // The services fetch the keys from the issuer, so its port must be known before the start.
  const port = freePorts.pop()!;
  const publicUrl = `http://127.0.0.1:${port}`;
  const gate = setUpGate({ jwtAlgorithm, port, publicUrl, claims: () => ({ plan: "pro" }) });
  const foreign = setUpGate({ jwtAlgorithm });
  const ports = new Map<Verifier, string>();
  let ada: string;
  let key: Key;

  beforeAll(async () => {
    ada = await gate.user("ada");
    key = stealKeys(gate).access;
    const started = VERIFIERS.map(async (name) => {
      ports.set(name, await start(name, { AUTH_URL: gate.url }));
    });
    await Promise.all(started);
  }, 120_000);

  const send = (name: Verifier, authorization?: string) =>
    fetch(`http://127.0.0.1:${ports.get(name)!}/`, {
      headers: authorization === undefined ? {} : { authorization },
    });

  /** Returns an access token whose claims or header are changed, signed with the real key. */
  async function changed(claims: object, header: object = {}): Promise<string> {
    const own = decode((await gate.issue(ada)).access);
    return forge(key, { ...own.header, ...header }, { ...own.claims, ...claims });
  }

  const past = (seconds: number) => Math.floor(Date.now() / 1000) - seconds;

  const WRONG: Record<string, () => Promise<string>> = {
    "an expired token": () => changed({ iat: past(600), exp: past(300) }),
    "a token of another audience": () => changed({ aud: "other" }),
    "a token of another issuer": () => changed({ iss: "https://eve.example.com" }),
    "a refresh token": async () => (await gate.issue(ada)).refresh,
    "a sliding token": async () => (await gate.issue(ada, "SLIDING")).token,
    "a static token": async () => (await gate.issue(ada, "TOKEN")).token,
    "a token of another server": async () =>
      (await foreign.issue(await foreign.user(`ada${Math.random()}`))).access,
    "another server's token that names this one's key": async () => {
      const { header, claims } = decode((await gate.issue(ada)).access);
      return forge(stealKeys(foreign).access, header, claims);
    },
    "a changed token": async () => {
      const [header, , signature] = (await gate.issue(ada)).access.split(".");
      const claims = { ...decode((await gate.issue(ada)).access).claims, sub: "eve" };
      return [header, Buffer.from(JSON.stringify(claims)).toString("base64url"), signature].join(
        ".",
      );
    },
    "a token without a signature": async () => {
      const { header, claims } = decode((await gate.issue(ada)).access);
      return `${signingInput({ ...header, alg: "none" }, claims)}.`;
    },
    "a token whose HMAC was made with the public key": async () => {
      const { header, claims } = decode((await gate.issue(ada)).access);
      const input = signingInput({ ...header, alg: "HS256" }, claims);
      const pem = key.verificationKey.export({ type: "spki", format: "pem" });
      return `${input}.${createHmac("sha256", pem).update(input).digest("base64url")}`;
    },
  };

  describe.each(VERIFIERS)("are verified by %s, as docs/services.md shows:", (name) => {
    test("an access token of a login and of a refresh is accepted, with the application's claims", async () => {
      const { access, refresh } = await gate.issue(ada);
      const { data } = await gate.refresh(refresh);
      for (const token of [access, data.refreshToken.access, await changed({})]) {
        expect(decode(token).claims["plan"]).toBe("pro");
        const response = await send(name, `Bearer ${token}`);
        expect([response.status, await response.text()]).toEqual([200, ada]);
      }
    });

    test.each(Object.entries(WRONG))("%s is refused", async (_what, make) => {
      expect((await send(name, `Bearer ${await make()}`)).status).toBe(401);
    });

    test("a request without a token is refused", async () => {
      expect((await send(name)).status).toBe(401);
    });

    test("a token of another type with the same key is refused, except by passport-jwt", async () => {
      const token = await changed({}, { typ: "JWT" });
      expect((await send(name, `Bearer ${token}`)).status).toBe(name === "passport" ? 200 : 401);
    });
  });

  test("RFC 9068 2.2: express-oauth2-jwt-bearer refuses a token without a claim that it requires", async () => {
    for (const claim of ["client_id", "jti", "sub", "iat", "exp"]) {
      const token = await changed({ [claim]: undefined });
      expect([claim, (await send("express", `Bearer ${token}`)).status]).toEqual([claim, 401]);
    }
  });
});

describe("the other blocks of docs/services.md", () => {
  const gate: Gate = setUpGate();

  test("add Hasura's claims to the tokens of a server", async () => {
    const database = await createDatabase("sqlite");
    const options = { DATABASE_URL: database.url, SECRET_KEY: gate.secretKey };
    stops.push(() => void database.drop());
    const url = await start("claims", options);
    const seed = setUpUser(database.url, gate.secretKey);
    await seed;
    const response = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        query: `mutation { login(username: "ada", password: "correct horse battery staple") { access user { id } } }`,
      }),
    });
    const { login } = ((await response.json()) as any).data;
    const keys = createRemoteJWKSet(new URL(`${url}/.well-known/jwks.json`));
    const { payload } = await jwtVerify(login.access, keys, {
      audience: "gatehouse",
      typ: "at+jwt",
      algorithms: ["RS256"],
    });
    expect(payload["https://hasura.io/jwt/claims"]).toEqual({
      "x-hasura-user-id": login.user.id,
      "x-hasura-default-role": "admin",
      "x-hasura-allowed-roles": ["user", "admin"],
    });
  });

  test("set a claim that survives a refresh", async () => {
    const block = blocks.find((code) => code.includes("refresh.payload.tenant")) ?? "";
    const run = Object.getPrototypeOf(start).constructor as FunctionConstructor;
    const user = { id: await gate.user("eve") };
    const pair = (await run("auth", "user", `${block}; return pair;`)(gate.auth, user)) as {
      access: string;
      refresh: string;
    };
    const { data } = await gate.refresh(pair.refresh);
    const tokens = [pair.access, data.refreshToken.access, data.refreshToken.refresh];
    expect(tokens.map((token) => decode(token).claims["tenant"])).toEqual(["acme", "acme", "acme"]);
  });
});

/** Creates an admin in the database of a server that is running. */
async function setUpUser(databaseUrl: string, secretKey: string): Promise<void> {
  const { createAuth } = await import("../../src/index.js");
  const auth = await createAuth({ databaseUrl, secretKey, jwtAlgorithm: "RS256" });
  const password = "correct horse battery staple";
  await auth.accounts.createUser({ username: "ada", password, role: "ADMIN" });
  await auth.close();
}
