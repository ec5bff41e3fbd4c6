import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createDatabase, type TestDatabase } from "../support/databases.js";
import { PASSWORD } from "../support/gate.js";
import { ME } from "./client.js";
import { memoryOf, percentile } from "./measure.js";
import { say } from "./progress.js";
import { Site } from "./site.js";

const CONNECTIONS = 10_000;
const LOGINS = 300;

/** A short request that keeps its connection open. */
const KEPT = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
/** The first line of a request. Its other lines come slowly. */
const SLOW = "POST /graphql HTTP/1.1\r\n";

describe("a server with", () => {
  let database: TestDatabase;
  let site: Site;
  let authorization: string;
  const sockets: Socket[] = [];

  beforeAll(async () => {
    database = await createDatabase("sqlite");
    site = await Site.open(database.url, { clients: 1 });
    authorization = await site.server.login("ada", PASSWORD);
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    await site.close();
    await database.drop();
  });

  /** Asks for `me` until `isOver`. Each request has its own connection, like the request of another client. */
  async function observe(isOver: () => boolean): Promise<string> {
    const took: number[] = [];
    while (!isOver()) {
      const begin = performance.now();
      const response = await fetch(`${site.server.url}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization, connection: "close" },
        body: JSON.stringify({ query: ME }),
      });
      expect(await response.json()).toEqual({ data: { me: { username: "ada" } } });
      took.push(performance.now() - begin);
      await sleep(5);
    }
    return `${took.length} times \`me\`, the median took ${percentile(took, 0.5)} ms, the 99th percentile ${percentile(took, 0.99)} ms`;
  }

  async function observeDuring(work: Promise<unknown>): Promise<string> {
    let isOver = false;
    void work.finally(() => (isOver = true));
    const observed = await observe(() => isOver);
    await work;
    return observed;
  }

  test(`${LOGINS} logins at once answers \`me\` of another client, and answers each login or refuses it as SERVICE_UNAVAILABLE`, async () => {
    const calm = await observeDuring(sleep(3000));
    const login = `mutation { login(username: "user0", password: "${PASSWORD}") { access } }`;
    const storm = Promise.all(Array.from({ length: LOGINS }, () => site.ask(login)));
    const observed = await observeDuring(storm);
    const codes = (await storm).map(({ errors }) => errors?.[0].extensions.code ?? "answered");
    const answered = codes.filter((code) => code === "answered").length;
    say(`calm: ${calm}. ${LOGINS} logins at once, ${answered} of them answered: ${observed}`);
    expect(answered).toBeGreaterThan(0);
    // If the clients are slow, the server need not refuse any login.
    expect(["answered", "SERVICE_UNAVAILABLE"]).toEqual(expect.arrayContaining(codes));
  });

  async function openAll(first: string): Promise<void> {
    const { hostname, port } = new URL(site.server.url);
    for (let count = 0; count < CONNECTIONS; count += 100) {
      const opened = Array.from({ length: 100 }, () => connect(Number(port), hostname));
      sockets.push(...opened);
      for (const socket of opened) socket.on("error", () => undefined).resume();
      await Promise.all(opened.map((socket) => once(socket, "connect").catch(() => undefined)));
      for (const socket of opened) socket.write(first);
    }
  }

  test.each([
    ["idle connections that are kept open", KEPT],
    ["connections that send their requests slowly", SLOW],
  ])(`${CONNECTIONS} %s answers another client, and its memory stays bounded`, async (_, first) => {
    const before = memoryOf(site.server.pid);
    const observed = await observeDuring(openAll(first));
    const during = memoryOf(site.server.pid);
    const drip = setInterval(() => {
      for (const socket of sockets) if (first === SLOW && socket.writable) socket.write("X: y\r\n");
    }, 1000);
    const begin = performance.now();
    const countOpen = () => sockets.filter((socket) => !socket.destroyed).length;
    const kept = countOpen();
    const later = await observe(() => countOpen() === 0 || performance.now() > begin + 60_000);
    clearInterval(drip);
    const seconds = Math.round((performance.now() - begin) / 1000);
    say(
      `${CONNECTIONS} connections, ${kept} of them open at the end: memory ${before} MiB before, ${during} MiB with them; while they came, ${observed}; then ${later}; all were closed after ${seconds} s`,
    );
    expect(countOpen()).toBe(0);
    expect(during - before).toBeLessThan(200);
    sockets.length = 0;
  });
});
