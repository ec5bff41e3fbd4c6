import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));

/** Tests send many requests from one address. */
const UNTHROTTLED = {
  LOGINS_PER_ADDRESS: "1000000",
  REQUESTS_PER_ADDRESS: "1000000",
  REFRESHES_PER_ADDRESS: "1000000",
  REFRESHES_PER_SESSION: "1000000",
  CONNECTIONS_PER_ADDRESS: "1000",
};

/** A server in a separate process. */
export interface ServerProcess {
  readonly url: string;
  close(): Promise<void>;
}

/** Starts the built `gatehouse serve` on a free port of loopback, and waits until it listens. */
export async function startServerProcess(
  env: Readonly<Record<string, string>>,
): Promise<ServerProcess> {
  const child = spawn(process.execPath, [CLI, "serve"], {
    env: {
      PATH: process.env["PATH"],
      ...{ HOST: "127.0.0.1", PORT: "0", LOG_LEVEL: "silent" },
      ...UNTHROTTLED,
      ...env,
    },
  });
  const closed = new Promise<void>((resolve) =>
    child.once("close", () => {
      resolve();
    }),
  );
  let output = "";
  const url = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output += chunk.toString();
      const address = /listens on (\S+)/.exec(output)?.[1];
      if (address !== undefined) resolve(address);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.once("close", () => {
      reject(new Error(`The server did not start: ${output}`));
    });
  });
  return {
    url,
    close: () => {
      child.kill("SIGTERM");
      return closed;
    },
  };
}
