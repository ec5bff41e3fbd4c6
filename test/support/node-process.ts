import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";

/** How a process of Node ended. */
export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

interface Start {
  cwd: string;
  /** The whole environment, without what this process happens to have. */
  env?: Record<string, string>;
  /** What it finds on its standard input. */
  input?: string;
  /** How long it may live, in milliseconds, before it is killed. */
  timeout?: number;
}

/** Runs a script with Node to its end. */
export async function runNode(parameters: readonly string[], start: Start): Promise<Ended> {
  const { child, ended } = startNode(parameters, start);
  child.stdin?.end(start.input ?? "");
  return ended;
}

/** In milliseconds: enough for all but a server, whose start should have been refused. */
const TIMEOUT = 20_000;

/** Starts a script with Node. `ended` says how it ends, once it does. */
export function startNode(
  parameters: readonly string[],
  { cwd, env = {}, timeout = TIMEOUT }: Start,
): { child: ChildProcess; ended: Promise<Ended> } {
  const { PATH = "" } = process.env;
  const child = spawn(process.execPath, parameters, {
    cwd,
    env: { PATH, ...env },
    timeout,
  });
  child.stdin.on("error", () => undefined);
  const ended = Promise.all([once(child, "close"), text(child.stdout), text(child.stderr)]).then(
    ([[code], stdout, stderr]) => ({ code: code as number | null, stdout, stderr }),
  );
  return { child, ended };
}

/** Waits for a line that matches, and gives the match. Fails when the process ends before. */
export async function waitForLine(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  let seen = "";
  return new Promise((resolve, reject) => {
    child.stdout?.on("data", (chunk: Buffer) => {
      seen += chunk.toString();
      const match = pattern.exec(seen);
      if (match !== null) resolve(match);
    });
    child.once("close", () => {
      reject(new Error(`The process ended before it printed ${pattern}:\n${seen}`));
    });
  });
}
