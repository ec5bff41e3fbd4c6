// Runs the browser tests in Firefox and WebKit. Installs nothing, but says what is missing.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

const BROWSERS = {
  firefox: {
    FIREFOX_PATH: ["/usr/bin/firefox-esr", "firefox-esr"],
  },
  webkit: {
    WEBKIT_DRIVER_PATH: ["/usr/bin/WebKitWebDriver", "webkit2gtk-driver"],
    XVFB_PATH: [findInPath("Xvfb"), "xvfb"],
  },
};

const missing = Object.values(BROWSERS)
  .flatMap((needed) => Object.entries(needed))
  .filter(([variable, [path]]) => !existsSync(process.env[variable] ?? path));
if (missing.length > 0) {
  for (const [variable, [path, name]] of missing) {
    console.error(`${path} is missing. Install Debian's ${name}, or set ${variable}.`);
  }
  process.exit(1);
}

// The drivers use the global WebSocket. Node 20 has it only with the first switch.
const switches = ["--experimental-websocket", "--experimental-vm-modules", "--no-warnings"];
for (const browser of Object.keys(BROWSERS)) {
  console.log(`In ${browser}:`);
  const jest = ["node_modules/jest/bin/jest.js", "test/browser", "--runInBand", "--verbose"];
  const running = spawn(process.execPath, [...switches, ...jest, ...process.argv.slice(2)], {
    env: { ...process.env, TEST_BROWSER: browser },
    stdio: "inherit",
  });
  const [code] = await once(running, "exit");
  process.exitCode ||= code ?? 1;
}

function findInPath(name) {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.map((folder) => join(folder, name)).find(existsSync) ?? `/usr/bin/${name}`;
}
