import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { describeDjango, DjangoProject } from "../../support/django.js";
import { DATABASES, Gate } from "../../support/gate.js";
import { runOver } from "./command.js";

/** The number of users in Django. It is so large that an import takes longer than a few requests. */
const USERS = 4000;
const CLIENTS = 6;
const UNTIL = new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10);
const DJANGO_PASSWORD = "1234";

/** The tokens of an old client, as Django issued them. */
interface Client {
  readonly username: string;
  readonly token: string;
  access: string;
  readonly refresh: string;
}

describeDjango("old clients", () => {
  describe.each(DATABASES)("over %s", (database) => {
    let django: DjangoProject;
    let gate: Gate;

    beforeAll(async () => {
      django = await DjangoProject.create({ database });
      await django.shell(`
password = make_password("${DJANGO_PASSWORD}", hasher="pbkdf2_sha256")
User.objects.bulk_create(User(username=f"user{n}", password=password) for n in range(${USERS}))`);
      gate = await Gate.open(
        {
          ...{ django: true, djangoSecretKey: django.secretKey, djangoTokensUntil: UNTIL },
          ...{ restBridge: true, now: Date.now },
        },
        database,
      );
    });
    afterAll(async () => {
      await gate.close();
      await django.close();
    });

    test("are refused neither by Django during the first import, nor by Gatehouse during the next one", async () => {
      const server = await django.serve();
      const clients: Client[] = [];
      for (let index = 0; index < CLIENTS; index += 1) {
        const user = { username: `user${index}`, password: DJANGO_PASSWORD };
        const { token } = (await server.post("/login/", user)).body;
        const pair = (await server.post("/token/", user)).body;
        clients.push({ username: user.username, token, ...pair });
      }
      const importAll = () => runOver(gate, "import-django", "--from", django.databaseUrl);

      const first = await useDuring(importAll, server.url, clients);
      expect(first).toMatchObject({ refusals: [], code: 0 });
      await django.shell(`
User.objects.filter(username__startswith="user").update(last_name="x", email="")
User.objects.bulk_create(User(username=f"later{n}", password="!") for n in range(${USERS}))`);
      const second = await useDuring(importAll, gate.url, clients);
      expect(second).toMatchObject({ refusals: [], code: 0 });
      expect(Math.min(first.requests, second.requests)).toBeGreaterThan(10 * CLIENTS);
    }, 180_000);
  });
});

/** Sends the requests of old clients as long as a command runs. Returns the refusals. */
async function useDuring(
  run: () => Promise<{ code: number | null }>,
  url: string,
  clients: readonly Client[],
): Promise<{ refusals: string[]; requests: number; code: number | null }> {
  const refusals: string[] = [];
  let requests = 0;
  let isRunning = true;

  const send = async (path: string, authorization: string | null, body?: object) => {
    const response = await fetch(`${url}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        "content-type": "application/json",
        ...(authorization === null ? {} : { authorization }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    requests += 1;
    if (response.status !== 200) refusals.push(`${path} ${response.status} ${text}`);
    return JSON.parse(text) as Record<string, string>;
  };

  const use = async (client: Client) => {
    while (isRunning) {
      await send("/profile/", `Token ${client.token}`);
      await send("/profile/", `Bearer ${client.access}`);
      const { access = "" } = await send("/token/refresh/", null, { refresh: client.refresh });
      client.access = access;
      await send("/token/verify/", null, { token: access });
    }
  };

  const using = clients.map(use);
  const { code } = await run();
  isRunning = false;
  await Promise.all(using);
  return { refusals, requests, code };
}
