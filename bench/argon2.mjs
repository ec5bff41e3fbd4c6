// What a login cannot do without: verifying one password. Hashes as often as it is told to.
import { PasswordHasher } from "../dist/accounts/password-hasher.js";

const password = "correct horse battery staple";
const hasher = new PasswordHasher(15);
const passwordHash = await hasher.hash(password);

process.on("message", async (times) => {
  const before = process.cpuUsage();
  // All at once, as logins come: hashes that run beside each other share the memory's bandwidth.
  await Promise.all(Array.from({ length: times }, () => hasher.verify(passwordHash, password)));
  const { user, system } = process.cpuUsage(before);
  process.send({ cpu: user + system });
});
process.send({ url: "" });
