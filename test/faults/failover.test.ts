import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { createAuth } from "../../src/index.js";
import { ROOT, serveBeside, type Serving } from "../support/command.js";
import { eventually } from "../support/eventually.js";
import { PASSWORD } from "../support/gate.js";
import { describePgBouncer, PgBouncer } from "../support/pgbouncer.js";
import { describeCluster } from "../support/postgresql-cluster.js";
import { describeWith } from "../support/programs.js";
import { Client, expectNothingLost, gapOf, ME } from "./client.js";
import { say } from "./progress.js";
import { ReplicatedPostgres } from "./replicated-postgresql.js";

/** The file that docs/deploy.md recommends. */
const CONFIGURATION = join(ROOT, "deploy/pgbouncer.ini");
/** The number of clients of each instance. */
const CLIENTS = 6;

const needed = [describeCluster, describePgBouncer, describeWith("/usr/sbin/haproxy")];
/** Skips the tests if one of the programs is missing. */
const describeFailover = needed.every((each) => each === describe) ? describe : describe.skip;

const FAULTS: Readonly<Record<string, (servers: ReplicatedPostgres) => Promise<void>>> = {
  "the primary is killed": ({ primary }) => primary.kill(),
  "a planned switchover": ({ primary }) => primary.end(),
};

const CASES = Object.keys(FAULTS).flatMap((fault) =>
  [false, true].map((isPooled) => [fault, isPooled ? " and PgBouncer" : "", isPooled] as const),
);

describeFailover("a failover of PostgreSQL under load", () => {
  const secretKey = randomBytes(32).toString("base64url");

  async function failOver(fault: string, databaseUrl: string, servers: ReplicatedPostgres) {
    const auth = await createAuth({ secretKey, databaseUrl });
    await auth.accounts.createUser({ username: "ada", password: PASSWORD });
    await auth.close();
    const instances: Serving[] = [];
    try {
      while (instances.length < 2) instances.push(await serveBeside({ databaseUrl }, secretKey));
      await loadDuring(instances, async () => {
        await FAULTS[fault]!(servers);
        await servers.promoteReplica();
      });
    } finally {
      await Promise.all(instances.map((instance) => instance.stop()));
    }
  }

  test.each(CASES)(
    "%s, behind HAProxy%s: nothing acknowledged is lost, each instance answers again, and ended sessions stay ended",
    async (fault, _pooler, isPooled) => {
      const servers = await ReplicatedPostgres.start();
      const bouncer = isPooled ? await PgBouncer.start(CONFIGURATION, servers.url) : undefined;
      try {
        await failOver(fault, bouncer?.urlOf(servers.url) ?? servers.url, servers);
      } finally {
        await bouncer?.stop();
        await servers.stop();
      }
    },
  );
});

async function loadDuring(instances: readonly Serving[], fault: () => Promise<void>) {
  const [first] = instances as [Serving];
  const before = await Promise.all(Array.from({ length: 5 }, () => first.login("ada", PASSWORD)));
  for (const authorization of before) {
    await first.ask("mutation { logout { message } }", authorization);
  }
  const groups = instances.map((instance) =>
    Array.from({ length: CLIENTS }, () => new Client((...request) => instance.ask(...request))),
  );
  const clients = groups.flat();
  for (const client of clients) client.start();
  await eventually(() => clients.every(({ loggedOut }) => loggedOut.length > 0), 60_000);
  const begin = performance.now();
  await fault();
  const isBack = (group: Client[]) => group.some((client) => client.hasAnswerSince(begin + 3000));
  await eventually(() => groups.every(isBack), 60_000);
  const counted = await expectNothingLost(instances, clients);
  const gaps = groups.map((group) => gapOf(group, begin)).join(" and ");
  say(`${counted}. The instances acknowledged nothing for ${gaps} ms.`);
  for (const instance of instances) {
    for (const authorization of before) {
      const { errors } = await instance.ask(ME, authorization);
      expect(errors?.[0].extensions.code).toBe("UNAUTHENTICATED");
    }
  }
}
