import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";

/** The result of a Node process that has ended. */
export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

interface Start {
  /** The binary of Node. @default the one that runs this process */
  node?: string;
  cwd: string;
  /** The environment of the process. Only PATH is added from this process. */
  env?: Record<string, string>;
  /** The text of the standard input. */
  input?: string;
  /** The milliseconds after which the process is killed. */
  timeout?: number;
  /** Whether V8 optimizes code. In a short process, that costs more time than it saves. @default false */
  isOptimized?: boolean;
}

/** Runs a script with Node until it ends. */
export async function runNode(parameters: readonly string[], start: Start): Promise<Ended> {
  const { child, ended } = startNode(parameters, start);
  child.stdin?.end(start.input ?? "");
  return ended;
}

/** In milliseconds. Long enough for every script. Also ends a server that should have refused to start. */
const TIMEOUT = 120_000;

/** Starts a script with Node. `ended` resolves when the process has ended. */
export function startNode(
  parameters: readonly string[],
  { node = process.execPath, cwd, env = {}, timeout = TIMEOUT, isOptimized = false }: Start,
): { child: ChildProcess; ended: Promise<Ended> } {
  const { PATH = "" } = process.env;
  const flags = isOptimized ? [] : ["--no-opt"];
  const child = spawn(node, [...flags, ...parameters], {
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

/** Waits for a matching line on standard output or error, and returns the match. Fails if the process ends first. */
export async function waitForLine(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  const streams = [child.stdout, child.stderr];
  let seen = "";
  return new Promise((resolve, reject) => {
    // Stops at the match. Otherwise, each line of a long log would be searched together with all lines before it.
    const search = (chunk: Buffer) => {
      seen += chunk.toString();
      const match = pattern.exec(seen);
      if (match === null) return;
      for (const stream of streams) stream?.off("data", search);
      resolve(match);
    };
    for (const stream of streams) stream?.on("data", search);
    child.once("close", () => {
      reject(new Error(`The process ended before it printed ${pattern}:\n${seen}`));
    });
  });
}
