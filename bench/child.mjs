// What a measured server process does beside serving: it tells where it listens, and what it has used.

/** @param {object} hello sent to the parent once; then each message is answered with the CPU used so far, in µs */
export function serveBench(hello) {
  process.on("message", () => {
    const { user, system } = process.cpuUsage();
    process.send({ cpu: user + system });
  });
  process.once("disconnect", () => process.exit());
  process.send(hello);
}
