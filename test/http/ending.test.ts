import { randomBytes } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import { type Serving, setUpFolders } from "../support/command.js";
import { eventually } from "../support/eventually.js";
import { openConnection, rawRequest } from "../support/wire.js";

const PRODUCTION = {
  NODE_ENV: "production",
  TRUSTED_PROXIES: "127.0.0.1",
  PUBLIC_URL: "https://auth.example.com",
  SECRET_KEY: randomBytes(32).toString("base64url"),
};
const TYPENAME = JSON.stringify({ query: "{ __typename }" });

const folders = setUpFolders();
const migrated = folders.after((folder) =>
  folder.run(["migrate", "--create"], { env: PRODUCTION }),
);

/** Opens a connection, and keeps it after its first response. */
async function openKept({ url }: Serving) {
  const connection = await openConnection(url);
  connection.write(rawRequest(TYPENAME, ["Connection: keep-alive"]));
  await connection.waitFor(/"__typename"/);
  return connection;
}

/** Starts a request. Returns a function that sends the last byte of its body. */
async function startRequest({ url }: Serving) {
  const connection = await openConnection(url);
  const request = rawRequest(TYPENAME, ["Connection: keep-alive", "Expect: 100-continue"]);
  connection.write(request.subarray(0, -1));
  await connection.waitFor(/100 Continue/);
  return async () => {
    connection.write(request.subarray(-1));
    return (await connection.closed).replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, "");
  };
}

/** Resolves when a server reports that it is not ready, or accepts no new connections. */
function untilNotReady({ url }: Serving): Promise<void> {
  return eventually(() =>
    fetch(`${url}/health/ready`, { headers: { connection: "close" } }).then(
      ({ status }) => status === 503,
      () => true,
    ),
  );
}

/** Expects one GraphQL response, which is the last on its connection. */
function expectLastAnswer(answer = ""): void {
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r$/m);
  expect(answer).toMatch(/^connection: close\r$/im);
  expect(answer.trimEnd().endsWith(`{"data":{"__typename":"Query"}}`)).toBe(true);
}

describe.each([
  ["in production", async () => (await migrated()).serve(PRODUCTION)],
  ["in development", async () => (await folders.empty()).serve()],
])("after SIGTERM a server %s", (_where, start) => {
  test("OP-6: answers running requests and requests on kept connections, marks each response as the last, and exits with 0", async () => {
    const server = await start();
    const finish = await startRequest(server);
    const [kept, silent] = [await openKept(server), await openKept(server)];
    const ended = server.stop("SIGTERM");
    // The test sends a second signal, as npm does.
    void server.stop("SIGTERM");
    await untilNotReady(server);
    kept.write(rawRequest(TYPENAME, ["Connection: keep-alive"]));
    const [, answer] = (await kept.closed).split(/(?=HTTP\/1\.1 )/);
    expectLastAnswer(answer);
    expectLastAnswer(await finish());
    expect((await ended).code).toBe(0);
    expect((await silent.closed).match(/HTTP/g)).toHaveLength(1);
  });
});

test("OP-6: after SIGTERM a server in production is not ready at once, and still answers new connections", async () => {
  const server = await (await migrated()).serve(PRODUCTION);
  const ready = async () => (await fetch(`${server.url}/health/ready`)).status;
  expect(await ready()).toBe(200);
  const kept = await openKept(server);
  const ended = server.stop("SIGTERM");
  await eventually(async () => (await ready()) === 503);
  kept.write(rawRequest("", ["Connection: keep-alive"], "GET /health/live HTTP/1.1"));
  expect(await kept.closed).toMatch(/\{"status":"ok"\}$/);
  expect(await ended).toMatchObject({ code: 0, stderr: "" });
});

test("OP-6: SIGHUP does not end a server", async () => {
  const server = await (await migrated()).serve(PRODUCTION);
  void server.stop("SIGHUP");
  void server.stop("SIGHUP");
  const kept = await openKept(server);
  kept.close();
  const { data } = await server.ask("{ __typename }");
  expect(data).toEqual({ __typename: "Query" });
  expect(await server.stop("SIGTERM")).toMatchObject({ code: 0, stderr: "" });
});
