import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Browser, Complain, Cookie, Page, Person, PersonOptions } from "./driver.js";
import { createPage, type Tab } from "./remote-page.js";

/** Opens Firefox over WebDriver BiDi. @see https://w3c.github.io/webdriver-bidi/ */
export async function openFirefox(executable: string): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), "firefox-"));
  const parameters = ["--headless", "--no-remote", "--profile", profile];
  const process = spawn(executable, [...parameters, "--remote-debugging-port=0"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const connection = await Connection.open(await addressOf(process));
  await connection.send("session.new", { capabilities: {} });
  const events = ["log.entryAdded", "network.beforeRequestSent"];
  await connection.send("session.subscribe", { events });
  return {
    newPerson: (options, complain) => openPerson(connection, options, complain),
    async close() {
      await connection.send("browser.close", {}).catch(() => undefined);
      connection.close();
      process.kill();
      if (process.exitCode === null) await once(process, "exit");
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function addressOf({ stderr }: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: stderr! })) {
    const [, address] = /WebDriver BiDi listening on (\S+)/.exec(line) ?? [];
    if (address) {
      stderr!.resume();
      return address;
    }
  }
  throw new Error("Firefox ended before it listened.");
}

async function openPerson(
  connection: Connection,
  { viewport }: PersonOptions,
  complain: Complain,
): Promise<Person> {
  const { userContext } = await connection.send("browser.createUserContext", {});
  const open = new Map<string, Page>();
  connection.listen(({ method, params }) => {
    const context = params.source?.context ?? params.context;
    if (!open.has(context)) return;
    if (method === "network.beforeRequestSent") complain.request(params.request.url);
    else if (["error", "warn"].includes(params.level)) complain.problem(params.text ?? "");
  });
  const person: Person = {
    pages: () => [...open.values()],
    async newPage() {
      const { context } = await connection.send("browsingContext.create", {
        type: "tab",
        userContext,
      });
      if (viewport) await connection.send("browsingContext.setViewport", { context, viewport });
      const tab = createTab(connection, context, () => open.delete(context));
      const page = createPage(tab, person);
      open.set(context, page);
      return page;
    },
    addInitScript: (script) =>
      connection.send("script.addPreloadScript", {
        functionDeclaration: `() => { ${script} }`,
        userContexts: [userContext],
      }),
    setOffline: () => Promise.reject(new Error("Not over BiDi.")),
    async cookies() {
      const partition = { type: "storageKey", userContext };
      const { cookies } = await connection.send("storage.getCookies", { partition });
      return cookies.map(({ value, sameSite, ...cookie }: any) => ({
        ...cookie,
        value: value.value,
        sameSite: String(sameSite).replace(/^./, (letter) => letter.toUpperCase()),
      })) as Cookie[];
    },
    async clearCookies() {
      await connection.send("storage.deleteCookies", {
        partition: { type: "storageKey", userContext },
      });
    },
    async close() {
      await connection.send("browser.removeUserContext", { userContext });
      open.clear();
    },
  };
  return person;
}

function createTab(connection: Connection, context: string, onClose: () => void): Tab {
  return {
    goto: (url) => connection.send("browsingContext.navigate", { context, url, wait: "complete" }),
    reload: () => connection.send("browsingContext.reload", { context, wait: "complete" }),
    async evaluate(expression) {
      const answer = await connection.send("script.evaluate", {
        expression,
        target: { context },
        awaitPromise: true,
      });
      if (answer.type === "exception") throw new Error(answer.exceptionDetails.text);
      return toValue(answer.result);
    },
    press: (keys) =>
      connection.send("input.performActions", {
        context,
        actions: [
          {
            type: "key",
            id: "keyboard",
            actions: [
              ...keys.map((key) => ({ type: "keyDown", value: key })),
              ...keys.toReversed().map((key) => ({ type: "keyUp", value: key })),
            ],
          },
        ],
      }),
    bringToFront: () => connection.sendInTurn("browsingContext.activate", { context }),
    close: () => {
      onClose();
      return connection.send("browsingContext.close", { context });
    },
  };
}

/** Converts a value from BiDi to the JSON value that it represents. */
function toValue({ type, value }: { type: string; value?: any }): unknown {
  if (type === "array") return value.map(toValue);
  if (type === "object")
    return Object.fromEntries(value.map(([key, entry]: any) => [key, toValue(entry)]));
  return type === "null" ? null : value;
}

interface Message {
  id?: number;
  method?: string;
  params: any;
}

/** A WebSocket with numbered commands. */
class Connection {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: any) => void>();
  readonly #listeners = new Set<(event: Message) => void>();
  #last = 0;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const message = JSON.parse(String(data)) as Message;
      if (message.id === undefined) for (const listener of this.#listeners) listener(message);
      else this.#waiting.get(message.id)?.(message);
    });
  }

  static async open(address: string): Promise<Connection> {
    const socket = new WebSocket(`${address}/session`);
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve);
      socket.addEventListener("error", reject);
    });
    return new Connection(socket);
  }

  listen(listener: (event: Message) => void): void {
    this.#listeners.add(listener);
  }

  async send(method: string, params: object): Promise<any> {
    const id = (this.#last += 1);
    const answer = new Promise<any>((resolve) => this.#waiting.set(id, resolve));
    this.#socket.send(JSON.stringify({ id, method, params }));
    const { result, error, message } = await answer;
    this.#waiting.delete(id);
    if (error) throw new Error(`${method}: ${error}: ${message}`);
    return result;
  }

  /** Sends a command after earlier ones have ended. Two tabs activated at the same time would wait for each other. */
  sendInTurn(method: string, params: object): Promise<unknown> {
    const turn = this.#turn.then(() => this.send(method, params));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  close(): void {
    this.#socket.close();
  }
}
