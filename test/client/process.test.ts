import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
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

test("FailureReason has every reason that the server can give", () => {
  type Unnamed = Lowercase<
    Exclude<ErrorCode, "UNAUTHENTICATED" | "FORBIDDEN" | "TOO_MANY_REQUESTS">
  >;
  const name = (reason: Reason | Unnamed): FailureReason => reason;
  expect(name("service_unavailable")).toBe("service_unavailable");
});
