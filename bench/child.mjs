// Tells the parent process where the measured server listens, and how much CPU time the server has used.

/**
 * Sends `hello` to the parent process, and then answers each message with the CPU time used so far, in µs.
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
