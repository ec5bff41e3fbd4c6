import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { PASSWORD, setUpGate } from "../../support/gate.js";

const gate = setUpGate({ refreshCookie: true });
let folder: string;
let blocks: [language: string, code: string][];

beforeAll(async () => {
  await gate.user("admin");
  folder = await mkdtemp(join(tmpdir(), "cookie-mode-"));
  const page = await readFile("docs/cookie-mode.md", "utf8");
  blocks = [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = "", code = ""]) => [
    language,
    code.replaceAll("http://127.0.0.1:4000", gate.url).replaceAll("PASSWORD", PASSWORD),
  ]);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs a block in a shell, and returns the response that it prints. */
async function run(code: string) {
  const { stdout } = await promisify(execFile)("sh", ["-c", code], { cwd: folder });
  return JSON.parse(stdout);
}

/** Returns the cookies that curl has stored, as a header. */
async function storedCookie(): Promise<string> {
  const lines = (await readFile(join(folder, "cookies.txt"), "utf8")).split("\n");
  const fields = lines.find((line) => line.startsWith("#HttpOnly_"))?.split("\t") ?? [];
  return `${fields[5] ?? ""}=${fields[6] ?? ""}`;
}

test("RF-12: docs/cookie-mode.md logs in, refreshes twice and logs out with a cookie and without our client", async () => {
  expect(blocks.map(([language]) => language)).toEqual(["sh", "sh", "js", "sh"]);
  const [login = "", refresh = "", inPage = "", logout = ""] = blocks.map(([, code]) => code);
  const { data } = await run(login);
  expect(data.login).toMatchObject({ access: expect.stringMatching(/^eyJ/), refresh: null });
  const first = await storedCookie();
  expect(first).toMatch(/^gatehouse-refresh=eyJ/);
  expect((await run(refresh)).data.refreshToken.access).toMatch(/^eyJ/);
  const second = await storedCookie();
  expect(second).toMatch(/^gatehouse-refresh=eyJ/);
  expect(second).not.toBe(first);
  const logoutRun = run(logout);
  expect((await logoutRun).data.logout.message).toBe("Logout successful, token blacklisted");
  expect(await storedCookie()).not.toContain("eyJ");
  expect((await run(refresh)).errors[0].extensions.reason).toBe("no_credentials");

  await run(login);
  const cookie = await storedCookie();
  // Imitates a page's own fetch, which sends the cookie and the origin.
  const pageFetch = (path: string, init: RequestInit) =>
    fetch(gate.url + path, {
      ...init,
      headers: { ...(init.headers as Record<string, string>), cookie, origin: gate.url },
    });
  const AsyncFunction = Object.getPrototypeOf(async () => Promise.resolve())
    .constructor as FunctionConstructor;
  const page = new AsyncFunction("fetch", `${inPage}; return { data, errors };`);
  const answer = (await page(pageFetch)) as { data: any; errors: unknown };
  expect([answer.data.refreshToken.access, answer.errors]).toEqual([
    expect.stringMatching(/^eyJ/),
    undefined,
  ]);
});
