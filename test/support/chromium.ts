import { existsSync } from "node:fs";
import { describe, test } from "@jest/globals";
import { type Browser, chromium } from "playwright-core";

const CHROMIUM = process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium";
const isThere = existsSync(CHROMIUM);
if (!isThere && process.env["REQUIRE_SERVICES"] === "1") {
  throw new Error(`Chromium is required, but is not at ${CHROMIUM}. Set CHROMIUM_PATH.`);
}

/** `describe` where Chromium is installed; elsewhere it skips and says why. */
export const describeBrowser = isThere ? describe : describe.skip;

if (!isThere) {
  describe.skip(`in a browser: there is no ${CHROMIUM}, and CHROMIUM_PATH is not set`, () => {
    test("the same rules", () => undefined);
  });
}

/** They stop Chromium's own requests, such as its search for updates. */
const SWITCHES = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts a Chromium with a new profile. */
export function openChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: SWITCHES });
}
