// Reports to the parent process where the measured server listens, and how much CPU it has used.

/**
 * Sends `hello` to the parent, and then answers each message with the CPU used so far, in µs.
 * @param {object} hello
 */
export function serveBench(hello) {
  process.on("message", () => {
    const { user, system } = process.cpuUsage();
    process.send({ cpu: user + system });
  });
  process.once("disconnect", () => process.exit());
  process.send(hello);
}
