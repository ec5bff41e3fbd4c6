import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import { createDatabase, DATABASES, type TestDatabase } from "../support/databases.js";
import { ME } from "./client.js";
import { cpuOf, memoryOf, percentile } from "./measure.js";
import { say } from "./progress.js";
import { Site } from "./site.js";

const MINUTES = Number(process.env["SOAK_MINUTES"] ?? 20);
/** The share of one core that the server should use. */
const LOAD = 0.5;
const CLIENTS = 32;
/** The interval, in milliseconds, at which the pace is corrected and the memory is read. */
const INTERVAL = 5_000;

const TABLES = ["user", "session", "signing_key", "lease", "throttle"];

async function countRows(database: TestDatabase): Promise<string> {
  const counts = TABLES.map(async (table) => {
    const [row] = await database.sql(`SELECT count(*) AS total FROM "${table}"`);
    return `${table} ${row.total}`;
  });
  return (await Promise.all(counts)).join(", ");
}

describe.each(DATABASES)("over %s", (kind) => {
  test(
    `at half load for ${MINUTES} minutes, memory, latency and rows stay as they are`,
    async () => {
      const database = await createDatabase(kind);
      const site = await Site.open(database.url, {
        clients: CLIENTS,
        habits: { refreshes: 200, pause: 30 },
      });
      const { pid } = site.server;
      try {
        await site.load();
        /** The pause between two requests for `me`, in milliseconds. The loop below adjusts it to reach {@link LOAD}. */
        let [pause, isOver] = [5, false];
        const took: { at: number; milliseconds: number }[] = [];
        const reading = Array.from({ length: 4 }, async (_, lane) => {
          for (let count = lane; !isOver; count += 1) {
            const { access } = site.clients[count % CLIENTS]!.lastTokens ?? {};
            const begin = performance.now();
            if (access !== undefined) {
              await site.ask(ME, `Bearer ${access}`);
              took.push({ at: begin, milliseconds: performance.now() - begin });
            }
            await sleep(pause);
          }
        });
        // Measure after the first tenth, in which caches fill and code is compiled.
        const start = performance.now();
        const end = start + MINUTES * 60_000;
        const warm = start + MINUTES * 6_000;
        const memory: { at: number; mebibytes: number }[] = [];
        let rows: string | undefined;
        let [lastCpu, lastTime] = [cpuOf(pid), performance.now()];
        const firstCpu = lastCpu;
        while (performance.now() < end) {
          await sleep(INTERVAL);
          const [cpu, now] = [cpuOf(pid), performance.now()];
          const load = ((cpu - lastCpu) / (now - lastTime)) * 1000;
          [lastCpu, lastTime] = [cpu, now];
          pause = Math.min(100, Math.max(1, pause * (load / LOAD)));
          memory.push({ at: now, mebibytes: memoryOf(pid) });
          if (now > warm) rows ??= await countRows(database);
          if (memory.length % 12 === 0) {
            say(
              `${kind}: ${Math.round((now - start) / 60_000)} of ${MINUTES} minutes, ${memory.at(-1)?.mebibytes} MiB, ${Math.round(load * 100)} % of a core`,
            );
          }
        }
        isOver = true;
        await Promise.all(reading);
        const counted = await site.expectNothingLost();
        const share = Math.round(((lastCpu - firstCpu) / (lastTime - start)) * 100_000);
        /** Returns the figures of one quarter of the time after `warm`. The quarters are 0 to 3. */
        const quarter = (index: number) => {
          const from = warm + ((end - warm) / 4) * index;
          const isIn = ({ at }: { at: number }) => at >= from && at < from + (end - warm) / 4;
          const times = took.filter(isIn).map(({ milliseconds }) => milliseconds);
          return {
            mebibytes: Math.max(...memory.filter(isIn).map(({ mebibytes }) => mebibytes)),
            median: percentile(times, 0.5),
            p99: percentile(times, 0.99),
          };
        };
        const [first, last] = [quarter(0), quarter(3)];
        say(
          `${kind}: ${MINUTES} minutes at ${share} % of a core, ${took.length} times \`me\`. ${counted}. In the first and in the last quarter: at most ${first.mebibytes} and ${last.mebibytes} MiB; \`me\` took ${first.median} and ${last.median} ms (median), ${first.p99} and ${last.p99} ms (99th percentile). Rows before: ${rows}; after: ${await countRows(database)}.`,
        );
        expect(last.mebibytes).toBeLessThan(first.mebibytes * 1.2 + 20);
      } finally {
        await site.close();
        await database.drop();
      }
    },
    MINUTES * 60_000 + 300_000,
  );
});
