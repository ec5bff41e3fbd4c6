// Verifies a password as often as the parent process asks. This measures the minimum cost of a login.
import { PasswordHasher } from "../dist/accounts/password-hasher.js";

/** How many hashes run at the same time, as on the server: concurrent hashes compete for memory bandwidth. */
const CONCURRENCY = 2;

const password = "correct horse battery staple";
const hasher = new PasswordHasher(CONCURRENCY);
const passwordHash = await hasher.hash(password);

process.on("message", async (times) => {
  const before = process.cpuUsage();
  const hashSome = async () => {
    for (let done = 0; done < times; done += CONCURRENCY)
      await hasher.verify(passwordHash, password);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, hashSome));
  const { user, system } = process.cpuUsage(before);
  process.send({ cpu: user + system });
});
process.send({ url: "" });
