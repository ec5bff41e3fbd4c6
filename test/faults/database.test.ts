import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import { createDatabase, DATABASES } from "../support/databases.js";
import { PASSWORD } from "../support/gate.js";
import { LOCK_TABLES } from "../support/locks.js";
import { describeCluster } from "../support/postgresql-cluster.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import { gapOf, ME } from "./client.js";
import { PostgresServer } from "./postgres-server.js";
import { say } from "./progress.js";
import { Site } from "./site.js";

/** The duration of a fault, in milliseconds. */
const FAULT = 8_000;
/**
 * The longest time that a request may wait during a fault, in milliseconds. A busy machine may need more than the
 * limit of 5.5 seconds.
 */
const MAX_WAIT = 20_000;

/** Sends requests one after the other. */
class Probe {
  readonly codes = new Set<string>();
  /** The longest time that a request took, in milliseconds. */
  longest = 0;
  count = 0;
  readonly #send: () => Promise<any>;

  constructor(send: () => Promise<any>) {
    this.#send = send;
  }

  async until(time: number): Promise<void> {
    while (performance.now() < time) {
      const begin = performance.now();
      const { errors } = await this.#send();
      this.longest = Math.max(this.longest, Math.round(performance.now() - begin));
      this.codes.add(errors?.[0].extensions.code ?? "answered");
      this.count += 1;
      await sleep(20);
    }
  }
}

function probesOf(site: Site, authorization: string): Readonly<Record<"me" | "login", Probe>> {
  return {
    me: new Probe(() => site.ask(ME, authorization)),
    login: new Probe(() =>
      site.ask(`mutation { login(username: "ada", password: "${PASSWORD}") { access } }`),
    ),
  };
}

describe.each(DATABASES)("over %s", (kind) => {
  test("a database that another process keeps locked still answers reads and refuses writes in time, and all works when it is unlocked", async () => {
    const database = await createDatabase(kind);
    const site = await Site.open(database.url);
    try {
      const authorization = await site.server.login("ada", PASSWORD);
      await site.load();
      const path = database.url.replace("sqlite:", "");
      const release = await LOCK_TABLES[kind]({ databaseUrl: database.url, databasePath: path });
      const begin = performance.now();
      const { me, login } = probesOf(site, authorization);
      await Promise.all([me.until(begin + FAULT), login.until(begin + FAULT)]);
      await release();
      const back = await site.answersAll();
      const counted = await site.expectNothingLost();
      say(
        `${kind} locked for ${FAULT} ms: \`me\` took at most ${me.longest} ms, a login was refused after ${login.longest} ms, all clients had an answer ${back} ms later. ${counted}.`,
      );
      expect([...me.codes]).toEqual(["answered"]);
      expect([...login.codes]).toEqual(["SERVICE_UNAVAILABLE"]);
      expect(Math.max(login.longest, me.longest)).toBeLessThan(MAX_WAIT);
    } finally {
      await site.close();
      await database.drop();
    }
  });
});

/** The faults. Each function causes its fault, and then ends it. */
const FAULTS: Readonly<Record<string, (server: PostgresServer, proxy: TcpProxy) => Promise<void>>> =
  {
    "is stopped and started": async (server) => {
      await server.end();
      await sleep(2000);
      await server.restart();
    },
    "is killed and started": async (server) => {
      await server.kill();
      await sleep(2000);
      await server.restart();
    },
    "is silent, and its connections never answer": async (_server, proxy) => {
      proxy.silence();
      await sleep(FAULT);
      proxy.pass();
    },
    "is silent, and then answers": async (_server, proxy) => {
      proxy.hang();
      await sleep(FAULT);
      proxy.pass();
    },
  };

describeCluster("PostgreSQL", () => {
  test.each(Object.keys(FAULTS))(
    "%s: each request is answered or refused in time, nothing is lost, and all works again afterwards",
    async (fault) => {
      const server = await PostgresServer.start();
      const proxy = await TcpProxy.open(server.url);
      const site = await Site.open(proxy.url);
      try {
        const authorization = await site.server.login("ada", PASSWORD);
        await site.load();
        const { me, login } = probesOf(site, authorization);
        const begin = performance.now();
        const probing = [me.until(begin + FAULT), login.until(begin + FAULT)];
        await FAULTS[fault]!(server, proxy);
        const back = await site.answersAll();
        await Promise.all(probing);
        const counted = await site.expectNothingLost();
        say(
          `PostgreSQL ${fault}: \`me\` waited at most ${me.longest} ms, a login ${login.longest} ms; the clients had no answer for ${gapOf(site.clients, begin)} ms; each had one ${back} ms after the database's return. ${counted}.`,
        );
        for (const { codes } of [me, login]) {
          expect(["answered", "SERVICE_UNAVAILABLE"]).toEqual(expect.arrayContaining([...codes]));
        }
        expect(Math.max(login.longest, me.longest)).toBeLessThan(MAX_WAIT);
      } finally {
        await site.close();
        await proxy.close();
        await server.stop();
      }
    },
  );
});
