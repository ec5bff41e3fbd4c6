import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { setUpGate } from "../support/gate.js";
import { runNode } from "../support/node-process.js";

const PATHS = ["/graphql", "/.well-known/jwks.json", "/health/live", "/health/ready", "/metrics"];

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

test("features that are off do not load their libraries, and those that are on do", async () => {
  const folder = await mkdtemp(join(tmpdir(), "switches-"));
  // Prints which module imports the libraries of the refresh cookie and of the metrics, if they are loaded.
  const hook = `export async function load(url, context, next) {
    const [found] = /refresh-cookie\\/cookie\\.js$|prom-client\\/index\\.js$/.exec(url) ?? [];
    if (found !== undefined) process._rawDebug(found);
    return next(url, context);
  }`;
  const script = `
    import { register } from "node:module";
    register("data:text/javascript," + encodeURIComponent(${JSON.stringify(hook)}));
    const { createAuth } = await import("graphql-gatehouse");
    const [state, path] = process.argv.slice(1);
    const auth = await createAuth({
      secretKey: "b5d1f0c7a9e34e0f8c2d6b7a1e9f3c40",
      databaseUrl: "sqlite:" + path,
      refreshCookie: state === "on",
      metrics: state === "on",
      metricsToken: "b5d1f0c7a9e34e0f8c2d6b7a1e9f3c41",
    });
    await auth.close();`;
  const start = (state: string) =>
    runNode(["--input-type=module", "-e", script, state, join(folder, `${state}.sqlite`)], {
      cwd: process.cwd(),
    });
  try {
    const [off, on] = await Promise.all([start("off"), start("on")]);
    expect([off.code, off.stderr]).toEqual([0, ""]);
    const loaded = on.stderr.trim().split("\n").toSorted();
    expect([on.code, loaded]).toEqual([0, ["prom-client/index.js", "refresh-cookie/cookie.js"]]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
