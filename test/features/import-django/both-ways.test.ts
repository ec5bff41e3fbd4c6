import { readFile } from "node:fs/promises";
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
  /** Has the settings of simplejwt alone: it accepts access tokens of Gatehouse only. */
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

  test("Django refuses the tokens of another person who has the name of its user", async () => {
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

test("docs/django.md shows the classes that Django uses here", async () => {
  const page = await readFile("docs/django.md", "utf8");
  const file = await readFile("test/django/accounts/gatehouse.py", "utf8");
  expect(page).toContain(`\`\`\`python\n${file}\`\`\``);
});
