import { chown, mkdir } from "node:fs/promises";
import { expect, test } from "@jest/globals";
import { PASSWORD } from "../support/gate.js";
import { describeCluster, findRunner } from "../support/postgresql-cluster.js";
import { runPostgres } from "../support/postgresql.js";
import { runSql } from "../support/sqlite.js";
import { eventually } from "../support/eventually.js";
import { gapOf, ME } from "./client.js";
import { PostgresServer } from "./postgres-server.js";
import { say } from "./progress.js";
import { Site } from "./site.js";
import { describeRoot, SmallDisk } from "./small-disk.js";

const LOGIN = `mutation { login(username: "ada", password: "${PASSWORD}") { access session { id } } }`;

type Sql = (statement: string) => Promise<any[]>;

/** Fills the disk under load, until a login is refused, and then makes room. */
async function fillDisk(name: string, disk: SmallDisk, databaseUrl: string, sql: Sql) {
  const site = await Site.open(databaseUrl);
  const health = async () => {
    const response = await fetch(`${site.server.url}/health/ready`);
    return [response.status, ((await response.json()) as { status: string }).status];
  };
  try {
    const { data: first } = await site.ask(LOGIN);
    const authorization = `Bearer ${first.login.access}`;
    const sessions = [first.login.session.id];
    await site.load();
    await disk.fill();
    const codes = new Set<string>();
    let longest = 0;
    const begin = performance.now();
    // After a first refusal, some more writes succeed, because the files of the database still have a little room.
    for (let refused = 0; refused < 20;) {
      const sent = performance.now();
      const { data, errors } = await site.ask(LOGIN);
      longest = Math.max(longest, Math.round(performance.now() - sent));
      if (errors === undefined) sessions.push(data.login.session.id);
      else {
        codes.add(errors[0].extensions.code);
        refused += 1;
        await disk.fill();
      }
      const { data: read } = await site.ask(ME, authorization);
      expect(read?.me).toEqual({ username: "ada" });
    }
    const full = Math.round(performance.now() - begin);
    await eventually(async () => (await health())[1] === "read-only");
    expect(await health()).toEqual([200, "read-only"]);
    const noAnswer = performance.now();
    await disk.free();
    const back = await site.answersAll(noAnswer);
    await eventually(async () => (await health())[1] === "ok");
    const counted = await site.expectNothingLost();
    say(
      `${name}: the disk was full for ${full} ms; \`me\` was always answered, a login was refused after at most ${longest} ms; the longest time without an acknowledged write was ${gapOf(site.clients, begin)} ms; each client had an answer ${back} ms after there was room. ${counted}.`,
    );
    expect([...codes]).toEqual(["SERVICE_UNAVAILABLE"]);
    const stored = await sql(`SELECT id FROM session WHERE user_id =
      (SELECT id FROM "user" WHERE username = 'ada') ORDER BY id`);
    expect(stored.map(({ id }) => id as string)).toEqual(sessions.sort());
  } finally {
    await site.close();
  }
}

describeRoot("a full disk", () => {
  test("under SQLite, reads are answered, writes are refused and change nothing, and all works when there is room", async () => {
    const disk = await SmallDisk.mount(16);
    try {
      const path = disk.path("gate.sqlite");
      await fillDisk("SQLite", disk, `sqlite:${path}`, (statement) => runSql(path, statement));
      expect(await runSql(path, "PRAGMA integrity_check")).toEqual([{ integrity_check: "ok" }]);
    } finally {
      await disk.unmount();
    }
  });

  describeCluster("under PostgreSQL", () => {
    test("reads are answered, writes are refused and change nothing, and all works when there is room", async () => {
      const [disk, server] = [await SmallDisk.mount(32), await PostgresServer.start()];
      try {
        const folder = disk.path("tables");
        await mkdir(folder);
        const { uid, gid } = await findRunner();
        if (uid !== undefined) await chown(folder, uid, gid!);
        await server.sql(`CREATE TABLESPACE small LOCATION '${folder}'`);
        await server.sql("CREATE DATABASE gate TABLESPACE small");
        const url = server.url.replace(/postgres$/, "gate");
        await fillDisk("PostgreSQL", disk, url, (statement) => runPostgres(url, statement));
      } finally {
        await server.stop();
        await disk.unmount();
      }
    });
  });
});
