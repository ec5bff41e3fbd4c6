import { existsSync } from "node:fs";
import { describe, test } from "@jest/globals";
import { openChromium } from "./chromium.js";
import type { Browser } from "./driver.js";
import { openFirefox } from "./firefox.js";
import { openWebkit } from "./webkit.js";

/** The abilities that only some drivers have. */
type Ability = "clock" | "initScript" | "media" | "offline" | "viewport";

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
    abilities: ["clock", "initScript", "media", "offline", "viewport"],
    open: openChromium,
  },
  firefox: {
    name: "Firefox",
    variable: "FIREFOX_PATH",
    path: "/usr/bin/firefox-esr",
    abilities: ["initScript"],
    open: openFirefox,
  },
  webkit: {
    name: "WebKitWebDriver",
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
  throw new Error(`${name} is required, but is not at ${executable}. Set ${variable}.`);
}

/** Opens the browser that `TEST_BROWSER` names, Chromium by default. */
export const openBrowser = (): Promise<Browser> => open(executable);

/** `describe` where the browser is installed; elsewhere it skips and says why. */
export const describeBrowser = isThere ? describe : describe.skip;

/** `test` where the browser's driver has these abilities; elsewhere it skips. */
export function testWith(...needed: Ability[]): typeof test {
  return needed.every((ability) => abilities.includes(ability)) ? test : (test.skip as typeof test);
}

if (!isThere) {
  describe.skip(`in a browser: there is no ${executable}, and ${variable} is not set`, () => {
    test("the same rules", () => undefined);
  });
}
