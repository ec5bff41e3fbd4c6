import { setTimeout as sleep } from "node:timers/promises";
import { ACTION_TIMEOUT, type Locator, type Page, type Person } from "./driver.js";
import { type Action, find, type Pattern, type Step } from "./find.js";

/** The pause between two attempts, in milliseconds. */
const INTERVAL = 20;

/** The commands of a protocol for one tab. */
export interface Tab {
  goto(url: string): Promise<unknown>;
  reload(): Promise<unknown>;
  evaluate(script: string): Promise<unknown>;
  /** Presses these keys together. A key is a character, or WebDriver's value for the key. */
  press(keys: string[]): Promise<unknown>;
  bringToFront(): Promise<unknown>;
  close(): Promise<unknown>;
}

/** WebDriver's values for keys that produce no character. */
const KEYS: Readonly<Record<string, string>> = {
  Tab: "\uE004",
  Enter: "\uE007",
  Shift: "\uE008",
  Escape: "\uE00C",
  ArrowRight: "\uE014",
};

/** Creates a page over a protocol that has no locators. */
export function createPage(tab: Tab, person: Person): Page {
  let url = "about:blank";
  const press = (key: string) => tab.press(key.split("+").map((name) => KEYS[name] ?? name));
  const unsupported = (): never => {
    throw new Error("This browser's driver cannot do that. Define the test with testWith().");
  };
  const page: Page = {
    ...finderOf(tab, []),
    async goto(next) {
      url = next;
      await tab.goto(next);
    },
    reload: () => tab.reload(),
    url: () => url,
    title: () => page.evaluate("document.title"),
    evaluate: async <Value>(script: string) => (await tab.evaluate(script)) as Value,
    async bringToFront() {
      await tab.bringToFront();
    },
    waitForTimeout: (milliseconds) => sleep(milliseconds),
    async close() {
      await tab.close();
    },
    context: () => person,
    emulateMedia: unsupported,
    keyboard: {
      async press(key) {
        await press(key);
      },
      async type(text) {
        for (const character of text) await tab.press([character]);
      },
    },
    clock: { install: unsupported, setFixedTime: unsupported, fastForward: unsupported },
  };
  return page;
}

function finderOf(tab: Tab, steps: Step[]) {
  const then = (step: Step) => createLocator(tab, [...steps, step]);
  return {
    getByRole: (role: string, { name, exact }: { name?: string | RegExp; exact?: boolean } = {}) =>
      then({ by: "role", role, name: toPattern(name, exact) }),
    getByText: (text: string | RegExp, { exact }: { exact?: boolean } = {}) =>
      then({ by: "text", text: toPattern(text, exact) }),
    getByLabel: (text: string) => then({ by: "label", text: toPattern(text) }),
  };
}

const STEPS = Symbol("steps");

function createLocator(tab: Tab, steps: Step[]): Locator {
  const then = (step: Step) => createLocator(tab, [...steps, step]);
  /** Repeats an action until the element is there. */
  async function act(action: Action, value = ""): Promise<unknown> {
    const script = `(${find.toString()})(${JSON.stringify([steps, action, value])})`;
    let last: unknown = "not found";
    for (const end = performance.now() + ACTION_TIMEOUT; performance.now() < end;) {
      try {
        const found = (await tab.evaluate(script)) as { result: unknown } | null;
        if (found) return found.result;
      } catch (error) {
        // The page may be loading the next document.
        last = error;
      }
      await sleep(INTERVAL);
    }
    const shown = await tab.evaluate("document.body.innerText");
    throw new Error(
      `${action}: ${JSON.stringify(steps)}: ${String(last)}. Shown: ${String(shown)}`,
    );
  }
  const run = async (action: Action, value?: string): Promise<void> => {
    await act(action, value);
  };
  return {
    ...finderOf(tab, steps),
    first: () => then({ by: "index", index: 0 }),
    last: () => then({ by: "index", index: -1 }),
    filter: ({ hasText, hasNotText }) =>
      then({ by: "filter", has: toPattern(hasText), hasNot: toPattern(hasNotText) }),
    or: (other) => then({ by: "or", steps: (other as Locator & { [STEPS]: Step[] })[STEPS] }),
    waitFor: () => run("wait"),
    click: () => run("click"),
    check: () => run("check"),
    fill: (value) => run("fill", value),
    inputValue: async () => String(await act("value")),
    allTextContents: async () => (await act("texts")) as string[],
    ...{ [STEPS]: steps },
  };
}

function toPattern(text: string | RegExp | undefined, exact = false): Pattern | null {
  if (text === undefined) return null;
  return typeof text === "string" ? { text, exact } : { source: text.source, flags: text.flags };
}
