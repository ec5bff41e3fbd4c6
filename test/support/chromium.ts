import { existsSync } from "node:fs";
import { describe, test } from "@jest/globals";
import { type Browser, chromium } from "playwright-core";

const CHROMIUM = process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium";
const isThere = existsSync(CHROMIUM);
if (!isThere && process.env["REQUIRE_SERVICES"] === "1") {
  throw new Error(`Chromium is required, and is not at ${CHROMIUM}; CHROMIUM_PATH may say where.`);
}

/** `describe` where there is a Chromium; elsewhere it skips, and says why. */
export const describeBrowser = isThere ? describe : describe.skip;

if (!isThere) {
  describe.skip(`in a browser: there is no ${CHROMIUM}, and CHROMIUM_PATH names no other`, () => {
    test("the same rules", () => undefined);
  });
}

/** Without a network of its own: it would look for updates, and for Google. */
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
