// Measures the least that a login can cost: one verification of a password, in its own process.
import { fork } from "node:child_process";
import { once } from "node:events";
import { PasswordHasher } from "../../dist/accounts/password-hasher.js";

/** How many hashes run at the same time, as on the server: concurrent hashes compete for memory bandwidth. */
const CONCURRENCY = 2;
const PER_SECOND = 64;

export async function startArgon2() {
  const child = fork(new URL(import.meta.url), ["measure"]);
  await once(child, "message");
  return {
    pids: async () => [child.pid],
    stop: () => child.kill(),
    requests: {
      hash: {
        measure: async (seconds) => {
          child.send(PER_SECOND * seconds);
          const [result] = await once(child, "message");
          return result;
        },
      },
    },
  };
}

if (process.argv[2] === "measure") {
  const password = "correct horse battery staple";
  const hasher = new PasswordHasher(CONCURRENCY);
  const passwordHash = await hasher.hash(password);
  process.on("message", async (times) => {
    const before = process.cpuUsage();
    const begin = performance.now();
    const hashSome = async () => {
      for (let done = 0; done < times; done += CONCURRENCY) {
        await hasher.verify(passwordHash, password);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, hashSome));
    const { user, system } = process.cpuUsage(before);
    const server = (user + system) / 1000 / times;
    const perSecond = (times * 1000) / (performance.now() - begin);
    process.send({ server, database: 0, cpu: server, perSecond });
  });
  process.send({});
}
