import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, expect } from "@jest/globals";
import { type Ended, runNode, startNode, waitForLine } from "./node-process.js";
import { runSql } from "./sqlite.js";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** The built command. */
export const CLI = join(ROOT, "dist/cli.js");

type Environment = Readonly<Record<string, string>>;

/** A running `gatehouse serve`. */
export interface Serving {
  readonly url: string;
  readonly pid: number;
  /** All that the process has printed so far. */
  readonly output: string;
  /** Sends a GraphQL request, and returns the response's body. */
  ask(query: string, authorization?: string): Promise<any>;
  /** Returns the `Authorization` header of a new session. Throws the reason if the login is refused. */
  login(username: string, password: string): Promise<string>;
  /** Ends the process. Later calls return the same result. */
  stop(signal?: NodeJS.Signals): Promise<Ended>;
}

/** The time limit of a server, whether V8 optimizes it, and the version of the command. */
type Running = Pick<Parameters<typeof startNode>[1], "timeout" | "isOptimized"> & {
  readonly cli?: string | undefined;
};

/** In milliseconds. Long, because all tests of a file may share a server. */
const SERVER_TIMEOUT = 300_000;

/** Matches the line of the log with the server's URL. */
export const LISTENS = /"Gatehouse listens on ([^"]+)"/;

/** Starts `gatehouse serve`, and waits until it answers requests and signals. */
async function serve(cwd: string, env: Environment, running: Running = {}): Promise<Serving> {
  const { cli = CLI, ...process } = running;
  const { child, ended } = startNode([cli, "serve"], {
    cwd,
    env: { PORT: "0", ...env },
    timeout: SERVER_TIMEOUT,
    ...process,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  }
  const [, printed = ""] = await waitForLine(child, LISTENS);
  const url = printed.replace("0.0.0.0", "127.0.0.1");
  // The process handles signals and requests only once it has printed all its lines.
  await fetch(`${url}/health/live`);
  const ask = async (query: string, authorization?: string): Promise<any> => {
    const response = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", ...(authorization && { authorization }) },
      body: JSON.stringify({ query }),
    });
    return response.json();
  };
  return {
    url,
    pid: child.pid!,
    get output() {
      return output;
    },
    ask,
    login: async (username, password) => {
      const { data, errors } = await ask(
        `mutation { login(username: "${username}", password: "${password}") { access } }`,
      );
      if (errors) throw new Error(errors[0].extensions.reason);
      return `Bearer ${data.login.access}`;
    },
    stop: (signal = "SIGTERM") => {
      child.kill(signal);
      return ended;
    },
  };
}

/** Rate limits that no test reaches, although all requests come from one address. */
const UNTHROTTLED = {
  LOGINS_PER_ADDRESS: "1000000",
  REQUESTS_PER_ADDRESS: "1000000",
  REFRESHES_PER_ADDRESS: "1000000",
  REFRESHES_PER_SESSION: "1000000",
  CONNECTIONS_PER_ADDRESS: "1000",
};

/**
 * Starts `gatehouse serve` with a gate's database.
 * @param env further settings
 * @param cli the command of another version
 */
export function serveBeside(
  { databaseUrl }: { databaseUrl: string },
  secretKey: string,
  env: Environment = {},
  running?: Running,
): Promise<Serving> {
  const settings = { DATABASE_URL: databaseUrl, SECRET_KEY: secretKey };
  return serve(ROOT, { ...UNTHROTTLED, ...env, ...settings }, running);
}

/**
 * Runs the command until it ends. The result lacks the line on standard error that names the database, because a
 * separate test checks that line.
 */
export async function runCommand(
  parameters: readonly string[],
  start: Parameters<typeof runNode>[1],
): Promise<Ended> {
  const ended = await runNode([CLI, ...parameters], start);
  return { ...ended, stderr: ended.stderr.replace(/^Database: .*\n/, "") };
}

/** Returns a function that runs the command over the database of a gate, in a separate process. */
export function commandOver(
  gate: { readonly databaseUrl: string; readonly secretKey: string },
  timeout: number,
): (...parameters: string[]) => Promise<Ended> {
  // The properties are read at each call, because some gates get a new database for each test.
  return (...parameters) =>
    runCommand(parameters, {
      cwd: ROOT,
      env: { DATABASE_URL: gate.databaseUrl, SECRET_KEY: gate.secretKey },
      timeout,
    });
}

/** A folder in which the command runs with its default database, `data/gatehouse.sqlite`. */
export class CommandFolder {
  readonly path: string;
  readonly #env: Environment;
  readonly #servers: Serving[] = [];

  constructor(path: string, env: Environment) {
    this.path = path;
    this.#env = env;
  }

  /** Runs the command until it ends. */
  run(
    parameters: readonly string[],
    { env, input = "" }: { env?: Environment; input?: string } = {},
  ): Promise<Ended> {
    return runCommand(parameters, {
      cwd: this.path,
      env: { PORT: "0", ...this.#env, ...env },
      input,
    });
  }

  /** Starts the server. If it is not stopped earlier, it is stopped when the folder is removed. */
  async serve(env: Environment = {}): Promise<Serving> {
    const server = await serve(this.path, { ...this.#env, ...env });
    this.#servers.push(server);
    return server;
  }

  sql(statement: string): Promise<any[]> {
    return runSql(join(this.path, "data/gatehouse.sqlite"), statement);
  }

  /** Returns the names of the files in the folder, or in a subfolder. */
  async files(folder = "."): Promise<string[]> {
    return (await readdir(join(this.path, folder))).sort();
  }

  async remove(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop()));
    await rm(this.path, { recursive: true, force: true });
  }
}

/** Creates {@link CommandFolder}s. The folders of a test are removed after it. */
export interface Folders {
  /** Creates an empty folder. */
  empty(): Promise<CommandFolder>;
  /** Creates an empty folder that is kept until all tests of the file have ended. */
  shared(): Promise<CommandFolder>;
  /**
   * Returns a function that copies a folder in which `steps` ran once. A copy saves time, because each command takes
   * half a second to start.
   */
  after(steps: (folder: CommandFolder) => Promise<unknown>): () => Promise<CommandFolder>;
}

/** @param env the environment of every command in the folders */
export function setUpFolders(env: Environment = {}): Folders {
  const used: CommandFolder[] = [];
  const kept: CommandFolder[] = [];
  const remove = async (folders: CommandFolder[]) => {
    await Promise.all(folders.splice(0).map((folder) => folder.remove()));
  };
  const create = async (list: CommandFolder[]): Promise<CommandFolder> => {
    const folder = new CommandFolder(await mkdtemp(join(tmpdir(), "gatehouse-")), env);
    list.push(folder);
    return folder;
  };
  afterEach(() => remove(used));
  afterAll(() => remove(kept));
  return {
    empty: () => create(used),
    shared: () => create(kept),
    after: (steps) => {
      let made: Promise<CommandFolder> | undefined;
      const make = async () => {
        const folder = await create(kept);
        await steps(folder);
        return folder;
      };
      return async () => {
        const [original, copy] = [await (made ??= make()), await create(used)];
        await cp(original.path, copy.path, { recursive: true });
        return copy;
      };
    },
  };
}

/** Expects that the command failed with one line that matches, and printed nothing else. */
export function expectOneLine({ code, stdout, stderr }: Ended, line: RegExp): void {
  expect(stderr).toMatch(/^gatehouse: [^\n]+\n$/);
  expect(stderr).toMatch(line);
  expect(stdout).toBe("");
  expect(code).not.toBe(0);
}
