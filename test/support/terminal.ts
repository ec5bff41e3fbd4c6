import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { describe, test } from "@jest/globals";
import { CLI } from "./command.js";

/** The version of util-linux's `script`, which runs a command on a pseudo-terminal. */
const version = spawnSync("script", ["--version"], { encoding: "utf8" });
const hasScript = version.status === 0 && version.stdout.includes("util-linux");

/** `describe` if `script` is installed; otherwise it skips the tests and says why. */
export const describeTerminal = hasScript ? describe : describe.skip;

if (!hasScript) {
  describe.skip("on a terminal: `script` of util-linux is not installed", () => {
    test("the tests that need it are skipped", () => undefined);
  });
}

/** The time limit of a command, in milliseconds. */
const TIMEOUT = 120_000;

/**
 * Runs `gatehouse` on a pseudo-terminal until it ends.
 * @param answers the text to wait for on the screen, and the text to type then, in order
 * @returns the exit code, and everything that the screen showed
 */
export async function runOnTerminal(
  parameters: readonly string[],
  { cwd, env = {} }: { cwd: string; env?: Record<string, string> },
  answers: readonly (readonly [shown: string | RegExp, typed: string])[],
): Promise<{ code: number | null; screen: string }> {
  const words = [process.execPath, CLI, ...parameters].map((word) => `'${word}'`);
  // Without `exec`, Ctrl-C would also end the shell, and the exit code would be the shell's.
  const line = `exec ${words.join(" ")}`;
  const { PATH = "" } = process.env;
  const child = spawn("script", ["--quiet", "--return", "--command", line, "/dev/null"], {
    cwd,
    env: { PATH, SHELL: "/bin/sh", ...env },
    timeout: TIMEOUT,
  });
  const remaining = [...answers];
  let [screen, unread] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    screen += chunk.toString();
    unread += chunk.toString();
    const [shown, typed] = remaining[0] ?? [];
    if (shown === undefined || !new RegExp(shown).test(unread)) return;
    remaining.shift();
    unread = "";
    child.stdin.write(typed);
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, screen };
}
