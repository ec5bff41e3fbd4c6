// Sends requests to servers, and measures the CPU time of their processes and the time until each response.
import { readFile } from "node:fs/promises";
import autocannon from "autocannon";
import { cpuOf } from "./report.mjs";

/**
 * @typedef {object} Load
 * @property {readonly string[]} urls the instances, which share the connections
 * @property {() => Promise<readonly number[]>} pids the processes of the server
 * @property {() => Promise<readonly number[]>} [databasePids] the processes of its database
 * @property {number} connections
 * @property {number} [seconds] how long to send requests, unless `amount` is given
 * @property {number} [amount] how many requests to send
 * @property {string} [method] POST by default
 * @property {() => { path?: string, headers?: object, body?: string }} next returns the next request
 * @property {(text: string) => void} [receive] called with the body of each response
 */

/**
 * @param {Load} load
 * @returns the CPU time of one request in the server and in its database, and the 99th percentile of the times until a
 * response, all in milliseconds
 * @throws Error if a response has another status than 200, or contains `"errors"`
 */
export async function load(options) {
  const { urls, pids, databasePids, connections, seconds, amount, method, next, receive } = options;
  const times = [];
  let wrong = "";
  const readCpu = async () => [
    await sumCpu(await pids()),
    databasePids === undefined ? 0 : await sumCpu(await databasePids()),
  ];
  const before = await readCpu();
  const begin = performance.now();
  let end = begin;
  await Promise.all(
    urls.map((url) => {
      const run = autocannon({
        url,
        method: method ?? "POST",
        connections: Math.max(1, connections / urls.length),
        ...(amount === undefined ? { duration: seconds } : { amount: amount / urls.length }),
        requests: [
          {
            setupRequest: (request) => {
              const { headers, ...rest } = next();
              return {
                ...request,
                ...rest,
                headers: { "content-type": "application/json", ...headers },
              };
            },
            onResponse: (status, text) => {
              if (status !== 200 || text.startsWith('{"errors"')) wrong = `${status} ${text}`;
              else receive?.(text);
            },
          },
        ],
      });
      run.on("response", (_client, _status, _bytes, time) => {
        times.push(time);
        end = performance.now();
      });
      return run;
    }),
  );
  const wall = (end - begin) / 1000;
  const after = await readCpu();
  if (wrong !== "") throw new Error(`${urls.join(", ")}: ${wrong.slice(0, 500)}`);
  times.sort((a, b) => a - b);
  const [server, database] = after.map(
    (cpu, index) => ((cpu - before[index]) * 1000) / times.length,
  );
  return {
    ...{ server, database, cpu: server + database },
    p99: times[Math.floor(times.length * 0.99)],
    perSecond: times.length / wall,
    wall,
  };
}

/** Returns the CPU time of processes, in seconds. A process that has ended counts nothing. */
async function sumCpu(pids) {
  const times = await Promise.all(pids.map((pid) => cpuOf(pid).catch(() => 0)));
  return times.reduce((sum, time) => sum + time, 0);
}

/** Returns a process and all its descendants. */
export async function withDescendants(pid) {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  const lists = await Promise.all(children.split(" ").filter(Boolean).map(withDescendants));
  return [pid, ...lists.flat()];
}
