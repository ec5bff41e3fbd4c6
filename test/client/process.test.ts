import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import type { FailureReason } from "../../src/client/index.js";
import type { ErrorCode, Reason } from "../../src/errors.js";
import { runNode } from "../support/node-process.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Calls every method at once without awaiting it, while the server is unreachable. */
const CARELESS = `
import { createAuthClient } from "graphql-gatehouse/client";
for (const storage of ["memory", "localStorage", "sessionStorage", "cookie"]) {
  const client = createAuthClient({ url: "http://127.0.0.1:1/graphql", storage, timeout: 0.5 });
  client.subscribe(() => undefined);
  client.login("ada", "wrong");
  client.emailLogin("ada@example.com", "wrong");
  client.refresh();
  client.getAuthorization();
  client.recover("Bearer x");
  client.logoutAll();
  client.logout();
}
`;

test("in Node, a client leaves no unhandled rejection and keeps no process alive", async () => {
  const ended = await runNode(["--input-type=module", "-e", CARELESS], { cwd: ROOT });
  expect(ended).toEqual({ code: 0, stdout: "", stderr: "" });
});

test("the module can be imported without any API of a browser", async () => {
  const script = `
    for (const name of ["fetch", "BroadcastChannel", "AbortController", "performance", "atob", "URL"]) {
      Object.defineProperty(globalThis, name, { get() { throw new Error(name + " was read"); } });
    }
    await import("graphql-gatehouse/client");`;
  const ended = await runNode(["--input-type=module", "-e", script], { cwd: ROOT });
  expect(ended).toEqual({ code: 0, stdout: "", stderr: "" });
});

/** Codes whose errors always have a reason. */
const WITH_REASON = ["UNAUTHENTICATED", "FORBIDDEN", "TOO_MANY_REQUESTS"] as const;

describe("FailureReason", () => {
  test("has every code and reason of the server's types", () => {
    type Unnamed = Lowercase<Exclude<ErrorCode, (typeof WITH_REASON)[number]> | "BAD_REQUEST">;
    const name = (reason: Reason | Unnamed): FailureReason => reason;
    expect(name("service_unavailable")).toBe("service_unavailable");
  });

  test("has every code and reason of README's table of errors, and docs/clients.md says what to do", async () => {
    const [union = ""] = /FailureReason =[^;]*;/.exec(await read("src/client/failure.ts")) ?? [];
    const reasons = [...union.matchAll(/"(\w+)"/g)].map(([, reason]) => reason);
    expect(reasons.length).toBeGreaterThan(15);

    const table = (await read("README.md")).matchAll(/^\| `([A-Z_]+)` +\|([^|]*)\|$/gm);
    const ofServer = [...table].flatMap(([, code = "", cell = ""]) =>
      (WITH_REASON as readonly string[]).includes(code)
        ? [...cell.matchAll(/`([a-z_]+)`/g)].map(([, reason]) => reason)
        : [code.toLowerCase()],
    );
    expect(ofServer.length).toBeGreaterThan(15);
    expect(reasons).toEqual(
      expect.arrayContaining(ofServer.filter((name) => name !== "retryAfter")),
    );

    const rows = (await read("docs/clients.md"))
      .split("`error.reason`")[1]!
      .matchAll(/^\| (`[a-z_]+`(?:, `[a-z_]+`)*) +\|/gm);
    const documented = [...rows].flatMap(([, names = ""]) => names.replaceAll("`", "").split(", "));
    expect(documented.toSorted()).toEqual(reasons.toSorted());
  });
});

const read = (path: string) => readFile(`${ROOT}${path}`, "utf8");
