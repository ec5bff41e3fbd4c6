import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { setUpGate } from "../support/gate.js";
import { runNode } from "../support/node-process.js";

const PATHS = ["/graphql", "/.well-known/jwks.json", "/health/live", "/health/ready"];

describe("with the features switched off", () => {
  const gate = setUpGate({
    graphiql: false,
    jwksEndpoint: false,
    healthEndpoints: false,
    refreshCookie: false,
  });

  test.each(PATHS)("GET %s is not served", async (path) => {
    const { status } = await fetch(`${gate.url}${path}`, { headers: { accept: "text/html" } });
    expect([404, 405]).toContain(status);
    expect(gate.auth.routes).toEqual([]);
  });

  test("logins work", async () => {
    await gate.user("ada");
    const { authorization } = await gate.login("ada");
    expect((await gate.me(authorization)).data.me.username).toBe("ada");
  });
});

test("a feature that is off does not load its library, and one that is on does", async () => {
  const folder = await mkdtemp(join(tmpdir(), "switches-"));
  // Prints the file of the feature that imports the library, when it is loaded.
  const hook = `export async function resolve(name, context, next) {
    const resolved = await next(name, context);
    if (resolved.url.endsWith("/refresh-cookie/cookie.js")) process._rawDebug("loaded");
    return resolved;
  }`;
  const script = `
    import { register } from "node:module";
    register("data:text/javascript," + encodeURIComponent(${JSON.stringify(hook)}));
    const { createAuth } = await import("graphql-gatehouse");
    const [refreshCookie, path] = process.argv.slice(1);
    const auth = await createAuth({
      secretKey: "b5d1f0c7a9e34e0f8c2d6b7a1e9f3c40",
      databaseUrl: "sqlite:" + path,
      refreshCookie: refreshCookie === "on",
    });
    await auth.close();`;
  const start = (cookie: string) =>
    runNode(["--input-type=module", "-e", script, cookie, join(folder, `${cookie}.sqlite`)], {
      cwd: process.cwd(),
    });
  try {
    const [off, on] = await Promise.all([start("off"), start("on")]);
    expect([off.code, off.stderr]).toEqual([0, ""]);
    expect([on.code, on.stderr]).toEqual([0, "loaded\n"]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
