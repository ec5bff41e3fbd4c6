import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Script } from "node:vm";
import { eventually } from "../eventually.js";
import { findFreePort } from "../free-port.js";
import { ACTION_TIMEOUT, type Browser, type Cookie, type Page, type Person } from "./driver.js";
import { createPage, type Tab } from "./remote-page.js";

/** The display of an X server without a screen. */
const DISPLAY = `:${200 + (process.pid % 1000)}`;
const OPTIONS = {
  // MiniBrowser is part of Debian's webkit2gtk-driver.
  "webkitgtk:browserOptions": {
    binary:
      process.env["MINIBROWSER_PATH"] ?? "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
    args: ["--automation"],
  },
};

/**
 * Opens WebKitGTK over WebDriver. Each profile has its own driver, because a driver has only one session.
 * @see https://www.w3.org/TR/webdriver2/
 */
export async function openWebkit(executable: string): Promise<Browser> {
  const screen = spawn(
    process.env["XVFB_PATH"] ?? "Xvfb",
    [DISPLAY, "-screen", "0", "1280x800x24"],
    { stdio: "ignore" },
  );
  const people = new Set<Person>();
  return Promise.resolve({
    async newPerson() {
      const person = await openPerson(executable);
      people.add(person);
      return person;
    },
    async close() {
      for (const person of people) await person.close().catch(() => undefined);
      await end(screen);
    },
  });
}

async function openPerson(executable: string): Promise<Person> {
  const port = await findFreePort();
  const driver = spawn(executable, [`--port=${port}`], {
    stdio: "ignore",
    // Debian's sandbox needs privileges that containers lack.
    env: {
      ...process.env,
      DISPLAY,
      WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1",
      LIBGL_ALWAYS_SOFTWARE: "1",
    },
  });
  const base = `http://127.0.0.1:${port}/session`;
  const isListening = () =>
    fetch(base.replace("session", "status")).then(
      () => true,
      () => false,
    );
  await eventually(isListening, ACTION_TIMEOUT);
  const { sessionId } = await send(base, "POST", {
    capabilities: { alwaysMatch: { browserName: "MiniBrowser", ...OPTIONS } },
  });
  const session = `${base}/${sessionId}`;
  const first = await send(`${session}/window`, "GET");
  const open = new Map<string, Page>();
  /** The last command. A session sends commands to its current window, so tabs take turns. */
  let last: Promise<unknown> = Promise.resolve();
  const inWindow = <Value>(handle: string, run: () => Promise<Value>): Promise<Value> => {
    const turn = last.then(async () => {
      await send(`${session}/window`, "POST", { handle });
      return run();
    });
    last = turn.catch(() => undefined);
    return turn;
  };

  const person: Person = {
    pages: () => [...open.values()],
    async newPage() {
      const handle =
        open.size === 0
          ? first
          : (await send(`${session}/window/new`, "POST", { type: "tab" })).handle;
      const tab = createTab(
        session,
        (run) => inWindow(handle, run),
        () => open.delete(handle),
      );
      const page = createPage(tab, person);
      open.set(handle, page);
      return page;
    },
    addInitScript: () => Promise.reject(new Error("Not over WebDriver.")),
    setOffline: () => Promise.reject(new Error("Not over WebDriver.")),
    cookies: () =>
      inWindow([...open.keys()][0]!, () => send(`${session}/cookie`, "GET")) as Promise<Cookie[]>,
    async clearCookies() {
      const [handle = first] = open.keys();
      await inWindow(handle, () => send(`${session}/cookie`, "DELETE"));
    },
    async close() {
      await send(session, "DELETE").catch(() => undefined);
      open.clear();
      await end(driver);
    },
  };
  return person;
}

function createTab(
  session: string,
  inWindow: <Value>(run: () => Promise<Value>) => Promise<Value>,
  onClose: () => void,
): Tab {
  const post = (path: string, body: object) =>
    inWindow(() => send(`${session}/${path}`, "POST", body));
  return {
    goto: (url) => post("url", { url }),
    reload: () => post("refresh", {}),
    async evaluate(code) {
      const script = `const done = arguments[arguments.length - 1];
        (async () => { ${isExpression(code) ? `return (${code}\n)` : code} })()
          .then((result) => done({ result }), (error) => done({ error: String(error) }));`;
      const { result, error } = await post("execute/async", { script, args: [] });
      if (error) throw new Error(error);
      return result;
    },
    press: (keys) =>
      post("actions", {
        actions: [
          {
            type: "key",
            id: "keyboard",
            actions: [
              ...keys.map((value) => ({ type: "keyDown", value })),
              ...keys.toReversed().map((value) => ({ type: "keyUp", value })),
            ],
          },
        ],
      }),
    bringToFront: () => inWindow(() => Promise.resolve()),
    close: () => {
      onClose();
      return inWindow(() => send(`${session}/window`, "DELETE"));
    },
  };
}

function isExpression(code: string): boolean {
  try {
    new Script(`(${code}\n)`);
    return true;
  } catch {
    return false;
  }
}

async function send(url: string, method: string, body?: object): Promise<any> {
  const response = await fetch(url, { method, ...(body && { body: JSON.stringify(body) }) });
  const { value } = (await response.json()) as { value: any };
  if (!response.ok) throw new Error(`${url}: ${value.error}: ${value.message}`);
  return value;
}

async function end(process: ChildProcess): Promise<void> {
  process.kill();
  if (process.exitCode === null && process.signalCode === null) await once(process, "exit");
}
