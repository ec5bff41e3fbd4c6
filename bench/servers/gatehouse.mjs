// Starts Gatehouse. The first argument is its settings, as JSON.
import { createServer } from "../../dist/index.js";

const server = await createServer({
  port: 0,
  logLevel: "warn",
  // All load comes from one address, which would reach the default limits.
  loginsPerAddress: 1_000_000,
  requestsPerAddress: 1_000_000,
  refreshesPerAddress: 1_000_000,
  refreshesPerSession: 1_000_000,
  loginFailuresPerAccount: 100,
  ...JSON.parse(process.argv[2]),
});
process.once("disconnect", () => void server.close().then(() => process.exit()));
process.send({ url: `${server.url}/graphql` });
