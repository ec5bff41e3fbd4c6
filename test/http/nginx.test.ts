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
/** The number of clients that do the same, and the pause of each between two requests, in milliseconds. */
const READERS = { count: 12, pause: 20 };
const REFRESHERS = { count: 4, pause: 50 };
/** Only one client logs in, because a login costs much CPU. */
const LOGINS = { count: 1, pause: 500 };
const CLIENTS = READERS.count + REFRESHERS.count + LOGINS.count;

const ME = { query: "{ me { username } }" };
const REFRESH = "mutation ($refresh: String!) { refreshToken(refresh: $refresh) { refresh } }";
const LOGIN = `mutation { login(username: "ada", password: "${PASSWORD}") { refresh } }`;
/** Rate limits that no client reaches, although all have one address. */
const UNTHROTTLED = {
  LOGINS_PER_ADDRESS: "1000000",
  REQUESTS_PER_ADDRESS: "1000000",
  REFRESHES_PER_ADDRESS: "1000000",
  REFRESHES_PER_SESSION: "1000000",
};

/** In milliseconds. Long, because four processes have to start while the load runs. */
const TIMEOUT = 180_000;

/**
 * POSTs a request on one of the agent's kept connections. Returns the status and the body, or the cause of a failure.
 */
function post(url: string, agent: Agent, body: object, authorization?: string): Promise<string> {
  return new Promise((resolve) => {
    const headers = { "content-type": "application/json", ...(authorization && { authorization }) };
    const fail = (error: Error) => {
      resolve(`no response: ${error.message}`);
    };
    request(`${url}/graphql`, { method: "POST", agent, headers }, (response) => {
      text(response).then((answer) => {
        resolve(`${response.statusCode} ${answer.trim()}`);
      }, fail);
    })
      .on("error", fail)
      .end(JSON.stringify(body));
  });
}

describeNginx("two instances behind nginx", () => {
  const folders = setUpFolders({
    NODE_ENV: "production",
    TRUSTED_PROXIES: "127.0.0.1",
    PUBLIC_URL: "https://auth.example.com",
    SECRET_KEY: randomBytes(32).toString("base64url"),
    ACCESS_TOKEN_LIFETIME: "1h",
    ...UNTHROTTLED,
  });
  let folder: CommandFolder;

  beforeAll(async () => {
    folder = await folders.shared();
    expect(await folder.run(["migrate", "--create"])).toMatchObject({ code: 0 });
    const created = folder.run(["create-user", "ada", "--password-stdin"], { input: PASSWORD });
    expect(await created).toMatchObject({ code: 0 });
  });

  test(
    "OP-6: restart one after the other, and no request, refresh or login on many kept connections is lost",
    async () => {
      const ports = [await findFreePort(), await findFreePort()] as const;
      const start = (port: number): Promise<Serving> => folder.serve({ PORT: port.toString() });
      const nginx = await startNginx(ports);
      const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
      const failures: string[] = [];
      let isOver = false;
      let sent = 0;
      /**
       * Sends a request. Returns the text that the pattern's group matches in the answer, or undefined after a
       * failure.
       */
      const send = async (pattern: RegExp, body: object, authorization?: string) => {
        const answer = await post(nginx.url, agent, body, authorization);
        sent += 1;
        const match = pattern.exec(answer);
        if (match === null) failures.push(answer);
        return match?.[1];
      };
      const login = () =>
        send(/^200 \{"data":\{"login":\{"refresh":"([\w.-]+)"\}\}\}$/, { query: LOGIN });
      const refresh = (token: string) =>
        send(/^200 \{"data":\{"refreshToken":\{"refresh":"([\w.-]+)"\}\}\}$/, {
          query: REFRESH,
          variables: { refresh: token },
        });
      const load = ({ count, pause }: typeof READERS, use: () => () => Promise<unknown>) =>
        Array.from({ length: count }, async () => {
          const next = use();
          while (!isOver) {
            await next();
            await sleep(pause);
          }
        });
      const whileLoaded = (requests: number) => {
        const before = sent;
        return eventually(() => sent > before + requests, TIMEOUT);
      };
      try {
        const instances = await Promise.all(ports.map(start));
        const authorization = await instances[0]!.login("ada", PASSWORD);
        const tokens: (string | undefined)[] = [];
        for (let index = 0; index < REFRESHERS.count; index += 1) tokens.push(await login());
        let refreshers = 0;
        const clients = [
          ...load(
            READERS,
            () => () => send(/^200 (\{"data":\{"me":.*"ada".*)$/, ME, authorization),
          ),
          ...load(REFRESHERS, () => {
            const own = (refreshers += 1) - 1;
            // After a failure, the client tries the same token again.
            return async () => (tokens[own] = (await refresh(tokens[own]!)) ?? tokens[own]);
          }),
          ...load(LOGINS, () => login),
        ];
        for (const [index, port] of ports.entries()) {
          await whileLoaded(5 * CLIENTS);
          expect(await instances[index]!.stop()).toMatchObject({ code: 0, stderr: "" });
          instances[index] = await start(port);
        }
        await whileLoaded(5 * CLIENTS);
        isOver = true;
        await Promise.all(clients);
        for (const token of tokens) await refresh(token!);
        expect(failures).toEqual([]);
      } finally {
        isOver = true;
        agent.destroy();
        await nginx.close();
      }
    },
    TIMEOUT,
  );
});
