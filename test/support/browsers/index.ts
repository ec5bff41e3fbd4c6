import { existsSync } from "node:fs";
import { describe, jest, test } from "@jest/globals";
import { openChromium } from "./chromium.js";
import type { Browser } from "./driver.js";
import { openFirefox } from "./firefox.js";
import { openWebkit } from "./webkit.js";

/** The abilities that only some drivers have. If one is missing, the title of the skipped test has these words. */
const ABILITIES = {
  authenticator: "add an authenticator",
  clock: "set the page's clock",
  initScript: "run a script before those of the page",
  media: "choose the colour scheme",
  offline: "cut the network",
  viewport: "set the size of the page",
};

type Ability = keyof typeof ABILITIES;

interface Engine {
  readonly name: string;
  readonly variable: string;
  readonly path: string;
  readonly abilities: readonly Ability[];
  readonly open: (executable: string) => Promise<Browser>;
}

const ENGINES: Readonly<Record<string, Engine>> = {
  chromium: {
    name: "Chromium",
    variable: "CHROMIUM_PATH",
    path: "/usr/bin/chromium",
    abilities: ["authenticator", "clock", "initScript", "media", "offline", "viewport"],
    open: openChromium,
  },
  firefox: {
    name: "Firefox",
    variable: "FIREFOX_PATH",
    path: "/usr/bin/firefox-esr",
    abilities: ["initScript", "viewport"],
    open: openFirefox,
  },
  webkit: {
    name: "WebKit",
    variable: "WEBKIT_DRIVER_PATH",
    path: "/usr/bin/WebKitWebDriver",
    abilities: [],
    open: openWebkit,
  },
};

const engine = ENGINES[process.env["TEST_BROWSER"] ?? "chromium"];
if (engine === undefined) {
  throw new Error(`TEST_BROWSER must be one of ${Object.keys(ENGINES).join(", ")}.`);
}
const { name, variable, path, abilities, open } = engine;
const executable = process.env[variable] ?? path;
const isThere = existsSync(executable);
if (!isThere && (process.env["REQUIRE_SERVICES"] === "1" || process.env["TEST_BROWSER"])) {
  throw new Error(`${name} is required, but ${executable} is missing. Set ${variable}.`);
}

/** Opens the browser that `TEST_BROWSER` names, Chromium by default. */
export const openBrowser = (): Promise<Browser> => open(executable);

/** `describe` if the browser is installed; otherwise it skips the tests and says why. */
export const describeBrowser = isThere ? describe : describe.skip;

/** Returns `test` if the browser's driver has this ability; otherwise it skips the test, and the title says why. */
export function testWith(ability: Ability) {
  const hasAbility = abilities.includes(ability);
  const run = hasAbility ? test : test.skip;
  const reason = hasAbility ? "" : ` (skipped: the driver of ${name} cannot ${ABILITIES[ability]})`;
  const define = (title: string, body: () => Promise<void>): void => {
    run(title + reason, body);
  };
  const each =
    <Row extends readonly [unknown, ...unknown[]]>(rows: readonly Row[]) =>
    (title: string, body: (...row: Row) => Promise<void>): void => {
      run.each(rows)(title + reason, body);
    };
  return Object.assign(define, { each });
}

// A browser is slow on a busy machine. Only a failing test waits that long.
jest.setTimeout(300_000);

if (!isThere) {
  describe.skip(`in a browser: there is no ${executable}, and ${variable} is not set`, () => {
    test("the tests that need it are skipped", () => undefined);
  });
}
