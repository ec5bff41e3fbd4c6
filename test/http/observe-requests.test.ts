import { expect, test } from "@jest/globals";
import { fastify } from "fastify";
import { addRequestObservers, RECORD } from "../../src/http/observe-requests.js";
import { eventually } from "../support/eventually.js";

test("a request that is refused before its handler has no observer, and the hooks after it run", async () => {
  const app = fastify();
  app.decorateRequest(RECORD, null);
  const seen: string[] = [];
  addRequestObservers(app, [
    ({ method }, handle) => {
      seen.push(`${method} starts`);
      handle();
      return ({ status }) => seen.push(`it ended with ${status}`);
    },
  ]);
  app.addHook("onResponse", ({ method }, { statusCode }, done) => {
    seen.push(`${method} was answered with ${statusCode}`);
    done();
  });
  app.post("/", () => "");
  const headers = { "content-type": "application/json" };
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  for (const [index, body] of ["[", "[]"].entries()) {
    await fetch(url, { method: "POST", headers, body });
    await eventually(() => seen.filter((line) => line.includes("answered")).length > index);
  }
  await app.close();
  expect(seen).toEqual([
    "POST was answered with 400",
    "POST starts",
    "it ended with 200",
    "POST was answered with 200",
  ]);
});
