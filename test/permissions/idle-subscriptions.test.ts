import { randomBytes } from "node:crypto";
import { mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createClient as createSseClient } from "graphql-sse";
import { createClient as createWsClient } from "graphql-ws";
import { WebSocket } from "ws";
import { type Auth, createAuth } from "../../src/index.js";
import { ROOT } from "../support/command.js";
import { createDatabase, DATABASES, type TestDatabase } from "../support/databases.js";
import { startNode, waitForLine } from "../support/node-process.js";

/** The folder is inside the package, so that the page's server finds the installed libraries. */
const FOLDER = `${ROOT}test/generated/subscriptions`;

beforeAll(async () => {
  const page = await readFile(`${ROOT}docs/subscriptions.md`, "utf8");
  const [, code = ""] = /^```js\n\/\/ server\.js\n(.*?)^```$/ms.exec(page) ?? [];
  await rm(FOLDER, { recursive: true, force: true });
  await mkdir(`${FOLDER}/node_modules`, { recursive: true });
  await symlink(ROOT, `${FOLDER}/node_modules/graphql-gatehouse`);
  await writeFile(`${FOLDER}/package.json`, `{ "type": "module" }`);
  await writeFile(`${FOLDER}/server.js`, code);
});

/** A client's subscription, and everything that it has received. */
interface Subscription {
  readonly results: any[];
  /** Resolves when the subscription is over. */
  readonly ended: Promise<unknown>;
}

type Subscribe = (url: string, query: string, authorization: string) => Subscription;

interface Sink {
  next(result: unknown): void;
  error(error: unknown): void;
  complete(): void;
}

function follow(
  client: { subscribe(request: { query: string }, sink: Sink): unknown },
  query: string,
): Subscription {
  const results: any[] = [];
  const ended = new Promise<unknown>((resolve) => {
    client.subscribe(
      { query },
      {
        next: (result) => void results.push(result),
        error: resolve,
        complete: () => {
          resolve("complete");
        },
      },
    );
  });
  return { results, ended };
}

const overWebSocket: Subscribe = (url, query, authorization) => {
  const socket = { webSocketImpl: WebSocket, retryAttempts: 0, onNonLazyError: () => undefined };
  const connectionParams = { authorization };
  return follow(
    createWsClient({ url: url.replace("http", "ws"), connectionParams, ...socket }),
    query,
  );
};

const overSse: Subscribe = (url, query, authorization) =>
  follow(
    createSseClient({ url: `${url}/stream`, headers: { authorization }, retryAttempts: 0 }),
    query,
  );

const NEWS = "subscription { news }";
const ADMIN_NEWS = "subscription { adminNews }";

const TRANSPORTS = [
  ["graphql-ws", overWebSocket],
  ["graphql-sse", overSse],
] as const;

describe.each(DATABASES)(
  "two instances of the server of docs/subscriptions.md over one %s database",
  (kind) => {
    const secretKey = randomBytes(32).toString("base64url");
    let database: TestDatabase;
    /** A third instance, whose services the tests use. */
    let auth: Auth;
    let servers: { url: string; stop: () => Promise<{ code: number | null; stderr: string }> }[] =
      [];
    let users = 0;

    beforeAll(async () => {
      database = await createDatabase(kind);
      auth = await createAuth({ databaseUrl: database.url, secretKey });
      await auth.accounts.createUser({ username: "root", role: "ADMIN" });
      const env = { DATABASE_URL: database.url, SECRET_KEY: secretKey, PORT: "0" };
      servers = await Promise.all(
        ["A", "B"].map(async () => {
          const { child, ended } = startNode(["server.js"], { cwd: FOLDER, env, timeout: 300_000 });
          const [, url = ""] = await waitForLine(child, /^Ready at (\S+)$/m);
          const stop = () => {
            child.kill();
            return ended;
          };
          return { url, stop };
        }),
      );
    }, 120_000);

    afterAll(async () => {
      await Promise.all(servers.map(({ stop }) => stop()));
      await auth.close();
      await database.drop();
    });

    async function ask(url: string, query: string, authorization: string): Promise<any> {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", authorization },
        body: JSON.stringify({ query }),
      });
      return response.json();
    }

    /** Creates an administrator with a session. */
    async function signIn() {
      const username = `user${(users += 1)}`;
      const id = await auth.accounts.createUser({ username, role: "ADMIN" });
      const { token, principal } = await auth.authentication.createStaticToken({ id });
      return { id, session: principal.session.id, authorization: `Token ${token!}` };
    }

    /**
     * Publishes news until all subscriptions have received some. One publication may be too early, because a
     * subscription opens a moment after its request.
     */
    async function publishUntilSeen(url: string, subscriptions: readonly Subscription[]) {
      const { authorization } = await signIn();
      while (subscriptions.some(({ results }) => results.length === 0)) {
        const { data } = await ask(url, `mutation { publish(text: "hello") }`, authorization);
        expect(data).toEqual({ publish: true });
      }
    }

    describe.each(TRANSPORTS)("over %s", (_name, subscribe) => {
      test("ends an open subscription on one instance when its session ends on another, for each cause", async () => {
        const [a, b] = servers.map(({ url }) => url) as [string, string];
        const expire = (id: string) =>
          database.sql("UPDATE session SET expires_at = ? WHERE id = ? RETURNING id", [1, id]);
        const cases = await Promise.all(
          (
            [
              ["token_revoked", NEWS, ({ authorization }) => ask(a, LOGOUT, authorization)],
              ["user_inactive", NEWS, ({ id }) => auth.accounts.setActive(id, false)],
              ["password_changed", NEWS, ({ id }) => auth.accounts.setPassword(id, PASSWORD)],
              ["token_not_valid", NEWS, ({ id }) => auth.accounts.deleteUser(id)],
              ["token_expired", NEWS, ({ session }) => expire(session)],
              ["role_required", ADMIN_NEWS, ({ id }) => auth.accounts.setRole(id, "USER")],
            ] as [string, string, (user: Awaited<ReturnType<typeof signIn>>) => Promise<unknown>][]
          ).map(async ([reason, query, act]) => {
            const user = await signIn();
            return { reason, act: () => act(user), sub: subscribe(b, query, user.authorization) };
          }),
        );
        const demoted = await signIn();
        const bystanders = [
          subscribe(b, NEWS, (await signIn()).authorization),
          subscribe(b, NEWS, demoted.authorization),
        ];
        await publishUntilSeen(b, [...cases.map(({ sub }) => sub), ...bystanders]);
        await auth.accounts.setRole(demoted.id, "USER");
        await Promise.all(cases.map(({ act }) => act()));
        await Promise.all(cases.map(({ sub }) => sub.ended));
        const last = ({ results }: Subscription) => results.at(-1).errors?.[0].extensions;
        expect(cases.map(({ sub }) => last(sub))).toEqual(
          cases.map(({ reason }) => ({
            code: reason === "role_required" ? "FORBIDDEN" : "UNAUTHENTICATED",
            reason,
          })),
        );
        for (const { results } of bystanders) results.length = 0;
        await publishUntilSeen(b, bystanders);
        expect(bystanders.map(({ results }) => results[0])).toEqual([
          { data: { news: "hello" } },
          { data: { news: "hello" } },
        ]);
      });
    });

    test("stops at SIGTERM while subscriptions are open", async () => {
      const { authorization } = await signIn();
      const { url, stop } = servers.pop()!;
      const open = TRANSPORTS.map(([, subscribe]) => subscribe(url, NEWS, authorization));
      await publishUntilSeen(url, open);
      const { code, stderr } = await stop();
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      await Promise.all(open.map(({ ended }) => ended));
    });
  },
);

const LOGOUT = "mutation { logout { message } }";
const PASSWORD = "correct horse battery staple";
