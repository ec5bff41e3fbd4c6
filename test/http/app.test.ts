import { expect, test } from "@jest/globals";
import { createApp } from "../../src/http/app.js";

const open = () =>
  createApp({
    trustedProxies: [],
    logLevel: "silent",
    connectionsPerAddress: 50,
    keepAliveTimeout: 5,
  });

test("a connection without an address, such as one that its client has reset, is answered", async () => {
  const { app } = open();
  app.server.prependListener("connection", (socket) => {
    Object.defineProperty(socket, "remoteAddress", { value: undefined });
  });
  app.get("/", () => "answered");
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  const text = await (await fetch(url)).text();
  await app.close();
  expect(text).toBe("answered");
});

test.each([
  ["parameters", { params: { type: "object" } }],
  ["responses", { response: { 200: { type: "object" } } }],
])("a route with a JSON schema of its %s is refused", async (_part, schema) => {
  const { app } = open();
  app.get("/", { schema }, () => "");
  await expect(Promise.resolve(app.ready())).rejects.toThrow("Routes cannot have JSON schemas.");
});
