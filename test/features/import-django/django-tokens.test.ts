import { generateKeyPairSync } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ROOT, runCommand } from "../../support/command.js";
import { describeDjango, DjangoProject, type DjangoServer } from "../../support/django.js";
import { DATABASES, Gate, type GateOptions } from "../../support/gate.js";
import { importFrom } from "./command.js";

/** Creates users whose password is hashed quickly. A real hash takes longer than these tests. */
const CREATE_USERS = `
password = make_password("1234", hasher="unsalted_md5")
User.objects.bulk_create(User(username=f"user{n}", password=password) for n in range(20))`;

const UNTIL = new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10);

interface Pair {
  access: string;
  refresh: string;
}

describeDjango("the tokens that Django issued", () => {
  describe.each(DATABASES)("over %s", (database) => {
    let django: DjangoProject;
    let server: DjangoServer;
    let gate: Gate;
    let count = 0;

    beforeAll(async () => {
      django = await DjangoProject.create({ database });
      gate = await Gate.open(
        {
          ...{ django: true, djangoSecretKey: django.secretKey, djangoTokensUntil: UNTIL },
          // Django uses the real time, so the gate does too.
          now: Date.now,
        },
        database,
      );
      await django.shell(CREATE_USERS);
      server = await django.serve();
    });
    afterAll(async () => {
      await gate.close();
      await django.close();
    });

    const nextUser = () => ({ username: `user${count++}`, password: "1234" });
    const importAll = () => importFrom(gate, django.databaseUrl);
    const nameOf = async (authorization: string) =>
      (await gate.me(authorization)).data?.me.username;

    test("a key works after the import, until its session is ended in Gatehouse", async () => {
      const user = nextUser();
      const { token } = (await server.post("/login/", user)).body;
      await importAll();
      expect(await nameOf(`Token ${token}`)).toBe(user.username);
      await gate.logout({ authorization: `Token ${token}` });
      expect((await gate.me(`Token ${token}`)).reason).toBe("token_revoked");
      await importAll();
      expect((await gate.me(`Token ${token}`)).reason).toBe("token_revoked");
    });

    test("a key that is deleted in Django ends at the next import", async () => {
      const { token } = (await server.post("/login/", nextUser())).body;
      await importAll();
      expect((await gate.me(`Token ${token}`)).status).toBe(200);
      await server.post("/logout/", {}, `Token ${token}`);
      await importAll();
      expect((await gate.me(`Token ${token}`)).reason).toBe("token_revoked");
    });

    test("an access and a refresh token work, and a refresh gives a pair of Gatehouse", async () => {
      const user = nextUser();
      const { access, refresh }: Pair = (await server.post("/token/", user)).body;
      await importAll();
      expect(await nameOf(`Bearer ${access}`)).toBe(user.username);
      const { data } = await gate.refresh(refresh);
      expect(await nameOf(`Bearer ${data.refreshToken.access}`)).toBe(user.username);
      expect((await gate.refresh(data.refreshToken.refresh)).status).toBe(200);
    });

    test("a sliding token works, and its refresh gives a sliding token of Gatehouse", async () => {
      const user = nextUser();
      const { token } = (await server.post("/sliding/", user)).body;
      await importAll();
      expect(await nameOf(`Bearer ${token}`)).toBe(user.username);
      const { data } = await gate.refresh(token);
      expect(await nameOf(`Bearer ${data.refreshToken.token}`)).toBe(user.username);
      expect((await gate.refresh(data.refreshToken.token)).status).toBe(200);
    });

    test("a pair that was issued after the import works, if its user was imported", async () => {
      const user = nextUser();
      await importAll();
      const { access, refresh }: Pair = (await server.post("/token/", user)).body;
      expect(await nameOf(`Bearer ${access}`)).toBe(user.username);
      expect((await gate.refresh(refresh)).status).toBe(200);
    });

    test("a token that was blacklisted before or after the import is dead", async () => {
      const before: Pair = (await server.post("/token/", nextUser())).body;
      const after: Pair = (await server.post("/token/", nextUser())).body;
      const sliding = (await server.post("/sliding/", nextUser())).body.token;
      const logOut = async ({ access, refresh }: Pair) => {
        expect((await server.post("/logout/", { refresh }, `Bearer ${access}`)).status).toBe(200);
      };
      await logOut(before);
      await django.shell(`SlidingToken("${sliding}").blacklist()`);
      await importAll();
      expect((await gate.refresh(before.refresh)).reason).toBe("token_revoked");
      expect((await gate.refresh(sliding)).reason).toBe("token_revoked");
      expect((await gate.me(`Bearer ${sliding}`)).reason).toBe("token_revoked");
      await logOut(after);
      await importAll();
      expect((await gate.refresh(after.refresh)).reason).toBe("token_revoked");
    });

    test("the tokens of a user who gets a new password in Gatehouse are dead", async () => {
      const user = nextUser();
      const { token } = (await server.post("/login/", user)).body;
      const imported: Pair = (await server.post("/token/", user)).body;
      await importAll();
      const unseen: Pair = (await server.post("/token/", user)).body;
      const { id } = (await gate.me(`Token ${token}`)).data.me;
      await gate.auth.accounts.setPassword(id, "another password of ours");
      await importAll();
      for (const header of [
        `Token ${token}`,
        `Bearer ${imported.access}`,
        `Bearer ${unseen.access}`,
      ]) {
        expect((await gate.me(header)).status).toBe(401);
      }
      for (const { refresh } of [imported, unseen]) {
        expect((await gate.refresh(refresh)).status).toBe(401);
      }
    });
  });

  const { privateKey, publicKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const NAMED = {
    AUDIENCE: ["shop", "app"],
    ISSUER: "https://shop.example.com",
    USER_ID_CLAIM: "uid",
    TOKEN_TYPE_CLAIM: "kind",
    JTI_CLAIM: "id",
    SLIDING_TOKEN_REFRESH_EXP_CLAIM: "slides_until",
  };
  const VARIANTS = {
    "HS512 with other claim names, an audience and an issuer": {
      there: { ALGORITHM: "HS512", ...NAMED },
      here: { ALGORITHM: "HS512", ...NAMED },
    },
    "RS256 with a public key": {
      there: { ALGORITHM: "RS256", SIGNING_KEY: privateKey, VERIFYING_KEY: publicKey },
      here: { ALGORITHM: "RS256", VERIFYING_KEY: publicKey },
    },
  } as const;

  test.each(Object.entries(VARIANTS))("work with %s", async (_, { there, here }) => {
    const django = await DjangoProject.create({ simpleJwt: there });
    const tokens = await django.shell(`
user = User.objects.create(username="mamun")
pair = RefreshToken.for_user(user)
dead = RefreshToken.for_user(user)
dead.blacklist()
sliding = SlidingToken.for_user(user)
result = {"access": str(pair.access_token), "refresh": str(pair), "dead": str(dead), "sliding": str(sliding)}`);
    const options = {
      django: true,
      djangoTokensUntil: UNTIL,
      djangoSimpleJwt: here,
      now: Date.now,
      ...("VERIFYING_KEY" in here ? {} : { djangoSecretKey: django.secretKey }),
    } as unknown as GateOptions;
    const gate = await Gate.open(options);
    try {
      await runCommand(["import-django", "--from", django.databaseUrl], {
        cwd: ROOT,
        env: {
          ...{ DATABASE_URL: gate.databaseUrl, SECRET_KEY: gate.secretKey, DJANGO: "on" },
          DJANGO_SIMPLE_JWT: JSON.stringify(here),
        },
      });
      for (const token of [tokens.access, tokens.sliding]) {
        expect((await gate.me(`Bearer ${token}`)).data.me.username).toBe("mamun");
      }
      for (const token of [tokens.refresh, tokens.sliding]) {
        expect((await gate.refresh(token)).status).toBe(200);
      }
      expect((await gate.refresh(tokens.dead)).reason).toBe("token_revoked");
      const other = await gate.another({
        djangoSimpleJwt: { ...here, ISSUER: "https://other.example.com" },
      });
      expect((await other.me(`Bearer ${tokens.access}`)).reason).toBe("token_not_valid");
    } finally {
      await gate.close();
      await django.close();
    }
  });
});
