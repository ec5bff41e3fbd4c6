import { randomBytes } from "node:crypto";
import { expect, test } from "@jest/globals";
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

// draining.test.ts has the rules for the requests of a stopping server.
test.each([
  ["in production", async () => (await migrated()).serve(PRODUCTION)],
  ["in development", async () => (await folders.empty()).serve()],
])(
  "OP-6: after SIGTERM a server %s answers the running request, and exits with 0",
  async (_where, start) => {
    const server = await start();
    const finish = await startRequest(server);
    const ended = server.stop("SIGTERM");
    // The test sends a second signal, as npm does.
    void server.stop("SIGTERM");
    await untilNotReady(server);
    expect(await finish()).toMatch(
      /^HTTP\/1\.1 200 OK\r$[^]*\{"data":\{"__typename":"Query"\}\}\s*$/m,
    );
    expect((await ended).code).toBe(0);
  },
);

test("OP-6: SIGHUP does not end a server", async () => {
  const server = await (await migrated()).serve(PRODUCTION);
  void server.stop("SIGHUP");
  void server.stop("SIGHUP");
  const { data } = await server.ask("{ __typename }");
  expect(data).toEqual({ __typename: "Query" });
  expect(await server.stop("SIGTERM")).toMatchObject({ code: 0, stderr: "" });
});
