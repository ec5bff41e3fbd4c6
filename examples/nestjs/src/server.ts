// A NestJS server of your own, code-first, with Gatehouse's operations and guards in its schema.
// 1. Run `npm ci && npm pack` in the clone, then `npm install` and `npm run build` here.
// 2. Make a secret: export SECRET_KEY="$(npx gatehouse generate-secret)"
// 3. Create a user: echo a long passphrase | npx gatehouse create-user ada --role admin --password-stdin
// 4. Run `npm start` in the same shell.
import "reflect-metadata";
import { NestFactory } from "@nestjs/core";
import type { NestExpressApplication } from "@nestjs/platform-express";
import { createAuth } from "graphql-gatehouse";
import { AppModule } from "./app.module.js";
import { RefusedRequestsFilter } from "./refused-requests.filter.js";
import { readPort } from "./settings.js";

async function start(): Promise<void> {
  const {
    DATABASE_URL = "sqlite:data/gatehouse.sqlite",
    SECRET_KEY = "",
    TRUST_PROXY,
  } = process.env;
  const port = readPort(process.env["PORT"]);
  const auth = await createAuth({ databaseUrl: DATABASE_URL, secretKey: SECRET_KEY });

  const app = await NestFactory.create<NestExpressApplication>(AppModule.with(auth), {
    abortOnError: false,
    logger: ["error", "warn"],
  });
  app.disable("x-powered-by");
  app.useBodyParser("json", { limit: "100kb" });
  app.useGlobalFilters(new RefusedRequestsFilter());
  // Rate limits count per address. If a proxy is in front, set TRUST_PROXY, so that `request.ip` is the client's
  // address.
  if (TRUST_PROXY !== undefined) app.set("trust proxy", TRUST_PROXY);
  await app.listen(port, "localhost");
  console.log(`Ready at ${await app.getUrl()}/graphql`);
  // Deletes expired rows, and rotates the keys that sign tokens.
  auth.maintenance.start(console.error);

  const stop = async () => {
    await app.close();
    await auth.close();
  };
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void stop());
}

start().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
