// Import only types here, and everything else inside the functions. `index.ts` first loads `graphql-package.ts`, which
// checks the version of graphql. With a wrong version, an import here would fail earlier, with an unclear error.
import type { Auth, AuthOptions } from "./auth-api.js";
import type { Feature } from "./features/feature.js";
import type { Server, ServerOptions } from "./http/server.js";

/**
 * Opens the database, updates its tables, loads the keys, and builds the GraphQL schema.
 * @throws TypeError when an option is wrong. The message names the option
 * @throws Error when the database cannot be opened or updated, or a feature cannot be started
 * @example
 * const auth = await createAuth({ secretKey });
 * const server = new ApolloServer({ schema: auth.schema });
 * await startStandaloneServer(server, { context: ({ req }) => auth.createContext(req) });
 */
export async function createAuth<const F extends readonly Feature[] = []>({
  features,
  ...options
}: AuthOptions<F>): Promise<Auth<F>> {
  const { openAuth } = await import("./auth.js");
  const { resolveConfig } = await import("./config/auth-config.js");
  const { featuresWith } = await import("./features/index.js");
  const all = featuresWith(features);
  const { auth } = await openAuth(resolveConfig(options, all), all);
  return auth as object as Auth<F>;
}

/**
 * Starts a server with GraphQL at `POST /graphql` and the routes of the features.
 * @throws TypeError when an option is wrong, or the port is in use. The message names the option
 * @throws Error when the database cannot be opened or updated, or a feature cannot be started
 */
export async function createServer<const F extends readonly Feature[] = []>({
  features,
  ...options
}: ServerOptions<F>): Promise<Server<F>> {
  const { startServer } = await import("./http/server.js");
  const { resolveServerConfig } = await import("./config/server-config.js");
  const { featuresWith } = await import("./features/index.js");
  const all = featuresWith(features);
  const { url, close, auth } = await startServer(resolveServerConfig(options, all), all);
  return { url, close, auth: auth as object as Auth<F> };
}
