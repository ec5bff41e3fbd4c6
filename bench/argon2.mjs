// Verifies one password as often as the parent asks: the cost that no login can avoid.
import { PasswordHasher } from "../dist/accounts/password-hasher.js";

/** As many at once as the server allows, because concurrent hashes share the memory's bandwidth. */
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
