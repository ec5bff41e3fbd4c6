import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { describeDjango, DjangoProject, type DjangoServer } from "../../support/django.js";
import { findFreePort } from "../../support/free-port.js";
import { Gate } from "../../support/gate.js";
import { importFrom } from "./command.js";

describeDjango("while Django and Gatehouse both run", () => {
  let django: DjangoProject;
  let gate: Gate;
  /** Accepts Django's own tokens and Gatehouse's. */
  let both: DjangoServer;
  /** Has only the settings of simplejwt, so it accepts only access tokens of Gatehouse. */
  let ours: DjangoServer;

  beforeAll(async () => {
    django = await DjangoProject.create();
    const port = await findFreePort();
    const publicUrl = `http://127.0.0.1:${port}`;
    gate = await Gate.open({
      port,
      publicUrl,
      django: true,
      jwtCompat: "simplejwt",
      now: Date.now,
    });
    await django.shell(
      `User.objects.create_user("filler")\nUser.objects.create_user("mamun", "mamun@example.com", "1234")`,
    );
    await importFrom(gate, django.databaseUrl);
    both = await django
      .with({
        gatehouseUrl: gate.url,
        authenticationClasses: [
          "accounts.gatehouse.GatehouseTokenAuthentication",
          "rest_framework.authentication.TokenAuthentication",
          "rest_framework_simplejwt.authentication.JWTAuthentication",
        ],
        simpleJwt: {
          AUTH_TOKEN_CLASSES: [
            "rest_framework_simplejwt.tokens.AccessToken",
            "accounts.gatehouse.GatehouseAccessToken",
          ],
        },
      })
      .serve();
    ours = await django
      .with({
        simpleJwt: {
          ALGORITHM: "ES256",
          JWK_URL: `${gate.url}/.well-known/jwks.json`,
          AUDIENCE: "gatehouse",
          ISSUER: gate.url,
        },
      })
      .serve();
  });
  afterAll(async () => {
    await gate.close();
    await django.close();
  });

  const MAMUN = { username: "mamun", email: "mamun@example.com" };

  test("Django accepts an access token of Gatehouse, by the key set of Gatehouse", async () => {
    const { authorization, refresh } = await gate.login("mamun", "JWT", "1234");
    for (const server of [both, ours]) {
      expect(await server.get("/profile/", authorization)).toMatchObject({
        status: 200,
        body: MAMUN,
      });
      expect((await server.get("/profile/", `Bearer ${refresh}`)).status).toBe(401);
      expect((await server.get("/profile/", `${authorization}x`)).status).toBe(401);
    }
  });

  test("Django refuses an access token of a user whom it does not know", async () => {
    await gate.user("born-here");
    const { authorization } = await gate.login("born-here");
    expect((await both.get("/profile/", authorization)).status).toBe(401);
  });

  test("Django refuses the tokens of another person who has the name of one of its users", async () => {
    await django.shell(`User.objects.create_user("namesake")`);
    await gate.user("namesake");
    for (const scheme of ["TOKEN", "JWT"] as const) {
      const { authorization } = await gate.login("namesake", scheme);
      expect((await both.get("/profile/", authorization)).status).toBe(401);
    }
  });

  test("Django accepts an access token that a new key of Gatehouse signed", async () => {
    await gate.auth.keys.rotate(true);
    const { authorization } = await gate.login("mamun", "JWT", "1234");
    expect((await both.get("/profile/", authorization)).status).toBe(200);
  });

  test("Django accepts a static token of Gatehouse until its logout", async () => {
    const { authorization } = await gate.login("mamun", "TOKEN", "1234");
    expect(await both.get("/profile/", authorization)).toMatchObject({ status: 200, body: MAMUN });
    await gate.logout({ authorization });
    expect((await both.get("/profile/", authorization)).status).toBe(401);
  });

  test("Django still accepts its own key and access token", async () => {
    const user = { username: "mamun", password: "1234" };
    const { token } = (await both.post("/login/", user)).body;
    const { access } = (await both.post("/token/", user)).body;
    for (const authorization of [`Token ${token}`, `Bearer ${access}`]) {
      expect((await both.get("/profile/", authorization)).status).toBe(200);
    }
  });
});

describeDjango("while Gatehouse is away", () => {
  let django: DjangoProject;
  let server: DjangoServer;
  /** This server listens at the address of Gatehouse. */
  const other = createServer((_request, response) => {
    answer(response);
  });
  let answer: (response: ServerResponse) => void;

  beforeAll(async () => {
    other.listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    django = await DjangoProject.create({
      gatehouseUrl: `http://127.0.0.1:${port}`,
      authenticationClasses: ["accounts.gatehouse.GatehouseTokenAuthentication"],
    });
    server = await django.serve();
  });
  afterAll(async () => {
    other.closeAllConnections();
    other.close();
    await django.close();
  });

  const AWAY = "Service temporarily unavailable, try again later.";

  async function expectUnavailable(): Promise<void> {
    const { status, headers, body } = await server.get("/profile/", "Token gth_x");
    expect([status, body, headers.get("retry-after")]).toEqual([503, { detail: AWAY }, "5"]);
  }

  test.each<[string, (response: ServerResponse) => void]>([
    ["its database is away", (response) => response.writeHead(503).end("{}")],
    ["a proxy answers with a page", (response) => response.end("<!doctype html>")],
    ["the connection breaks", (response) => response.destroy()],
    ["it does not answer within five seconds", () => undefined],
  ])("Django answers 503 for a static token if %s", async (_fault, answerSo) => {
    answer = answerSo;
    await expectUnavailable();
  });

  test("Django answers 503 for a static token if nothing listens", async () => {
    other.closeAllConnections();
    await new Promise((resolve) => other.close(resolve));
    await expectUnavailable();
  });
});

test("docs/django.md shows the classes that these tests use in Django", async () => {
  const page = await readFile("docs/django.md", "utf8");
  const file = await readFile("test/django/accounts/gatehouse.py", "utf8");
  expect(page).toContain(`\`\`\`python\n${file}\`\`\``);
});
