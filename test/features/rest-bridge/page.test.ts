import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "@jest/globals";
import { PASSWORD, setUpGate } from "../../support/gate.js";

const gate = setUpGate({ restBridge: true });

beforeAll(async () => {
  await gate.user("admin", { email: "admin@example.com" });
});

test("docs/rest-bridge.md logs in, refreshes and logs out as its blocks say", async () => {
  const page = await readFile("docs/rest-bridge.md", "utf8");
  const blocks = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, code = ""]) =>
    code.replaceAll("http://127.0.0.1:4000", gate.url).replaceAll("PASSWORD", PASSWORD),
  );
  const run = async (code = "", env: Record<string, string> = {}) => {
    const { stdout } = await promisify(execFile)("sh", ["-c", code], {
      env: { ...process.env, ...env },
    });
    return JSON.parse(stdout);
  };
  const [login, profile, logout, obtain, refresh, blacklist, ...others] = blocks;
  expect(others).toEqual([]);
  const { token: TOKEN } = await run(login);
  expect(await run(profile, { TOKEN })).toEqual({ username: "admin", email: "admin@example.com" });
  expect((await run(logout, { TOKEN })).message).toBe("Logout successful, token deleted");
  expect((await run(profile, { TOKEN })).detail).toBe("Invalid token.");
  const { refresh: REFRESH, access: ACCESS } = await run(obtain);
  expect(Object.keys(await run(refresh, { REFRESH }))).toEqual(["access"]);
  expect((await run(blacklist, { REFRESH, ACCESS })).message).toBe(
    "Logout successful, token blacklisted",
  );
  expect((await run(refresh, { REFRESH })).detail).toBe("Token is blacklisted");
});
