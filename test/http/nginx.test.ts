import { randomBytes } from "node:crypto";
import { Agent, request } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, test } from "@jest/globals";
import { type CommandFolder, type Serving, setUpFolders } from "../support/command.js";
import { eventually } from "../support/eventually.js";
import { findFreePort } from "../support/free-port.js";
import { describeNginx, startNginx } from "../support/nginx.js";

const PASSWORD = "correct horse battery staple";
const CLIENTS = 12;
/** The pause of a client between two requests, in milliseconds. */
const PAUSE = 20;

/** Milliseconds: four processes have to start while the load runs. */
const TIMEOUT = 180_000;

/** POSTs a query on one of the agent's kept connections. Returns the response, or why there is none. */
function post(url: string, agent: Agent, authorization: string): Promise<string> {
  return new Promise((resolve) => {
    const headers = { "content-type": "application/json", authorization };
    const fail = (error: Error) => {
      resolve(`no response: ${error.message}`);
    };
    request(`${url}/graphql`, { method: "POST", agent, headers }, (response) => {
      text(response).then((body) => {
        resolve(`${response.statusCode} ${body.trim()}`);
      }, fail);
    })
      .on("error", fail)
      .end(JSON.stringify({ query: "{ me { username } }" }));
  });
}

describeNginx("two instances behind nginx", () => {
  const folders = setUpFolders({
    NODE_ENV: "production",
    TRUSTED_PROXIES: "127.0.0.1",
    PUBLIC_URL: "https://auth.example.com",
    SECRET_KEY: randomBytes(32).toString("base64url"),
    ACCESS_TOKEN_LIFETIME: "1h",
  });
  let folder: CommandFolder;

  beforeAll(async () => {
    folder = await folders.shared();
    expect(await folder.run(["migrate", "--create"])).toMatchObject({ code: 0 });
    const created = folder.run(["create-user", "ada", "--password-stdin"], { input: PASSWORD });
    expect(await created).toMatchObject({ code: 0 });
  });

  test(
    "OP-6: restart one after the other, and no request of many kept connections is lost",
    async () => {
      const ports = [await findFreePort(), await findFreePort()] as const;
      const start = (port: number): Promise<Serving> => folder.serve({ PORT: port.toString() });
      const nginx = await startNginx(ports);
      const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
      const answers = new Map<string, number>();
      let isOver = false;
      let sent = 0;
      try {
        const instances = await Promise.all(ports.map(start));
        const authorization = await instances[0]!.login("ada", PASSWORD);
        const clients = Array.from({ length: CLIENTS }, async () => {
          while (!isOver) {
            const answer = await post(nginx.url, agent, authorization);
            answers.set(answer, (answers.get(answer) ?? 0) + 1);
            sent += 1;
            await sleep(PAUSE);
          }
        });
        for (const [index, port] of ports.entries()) {
          const before = sent;
          await eventually(() => sent > before + 5 * CLIENTS);
          expect(await instances[index]!.stop()).toMatchObject({ code: 0, stderr: "" });
          instances[index] = await start(port);
        }
        const before = sent;
        await eventually(() => sent > before + 5 * CLIENTS);
        isOver = true;
        await Promise.all(clients);
        expect([...answers]).toEqual([[`200 {"data":{"me":{"username":"ada"}}}`, sent]]);
      } finally {
        isOver = true;
        agent.destroy();
        await nginx.close();
      }
    },
    TIMEOUT,
  );
});
