import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { createDatabase, type DatabaseKind, DATABASES } from "../support/databases.js";
import { gapOf } from "./client.js";
import { say } from "./progress.js";
import { Site } from "./site.js";

/** The number of kills on each database. */
const KILLS = 100;
/** The longest time that the server works before it is killed, in milliseconds. The real time is random. */
const MAX_WORK = 300;

async function killInRotation(kind: DatabaseKind): Promise<void> {
  const database = await createDatabase(kind);
  const site = await Site.open(database.url, { clients: 32, habits: { pause: 0 } });
  try {
    await site.load();
    for (let count = 1; count <= KILLS; count += 1) {
      await sleep(Math.random() * MAX_WORK);
      await site.kill();
      const killed = performance.now();
      await site.start();
      await site.answersAll(killed);
      if (count % 20 === 0) say(`${kind}: killed ${count} of ${KILLS} times`);
    }
    const counted = await site.expectNothingLost();
    say(`${kind}: ${counted}. The longest gap was ${gapOf(site.clients)} ms.`);
    if (kind === "sqlite") {
      const check = await database.sql("PRAGMA integrity_check");
      expect(check).toEqual([{ integrity_check: "ok" }]);
      expect(await database.sql("PRAGMA foreign_key_check")).toEqual([]);
    }
  } finally {
    await site.close();
    await database.drop();
  }
}

test(
  `a server that is killed ${KILLS} times while it rotates tokens loses nothing, and signs out no client that repeats its request in time, over ${DATABASES.join(" and ")}`,
  async () => {
    await Promise.all(DATABASES.map(killInRotation));
  },
  30 * 60_000,
);
