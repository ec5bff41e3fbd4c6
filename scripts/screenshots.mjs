// Takes the screenshots of the README from the demo.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const IMAGES = fileURLToPath(new URL("../docs/images/", import.meta.url));
const IPHONE =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1";

const demo = spawn(process.execPath, [fileURLToPath(new URL("demo.mjs", import.meta.url))], {
  stdio: ["ignore", "pipe", "inherit"],
});
let url, password;
for await (const line of createInterface({ input: demo.stdout })) {
  url ??= /at (http:\S+\/),/.exec(line)?.[1];
  password ??= /bob .*password: (\S+)/.exec(line)?.[1];
  if (line.startsWith("Press Ctrl-C")) break;
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});

async function visit(options) {
  const context = await browser.newContext({ deviceScaleFactor: 2, ...options });
  const page = await context.newPage();
  await page.goto(url);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  return page;
}

async function signIn(page, scheme = "JWT") {
  await page.getByRole("radio", { name: new RegExp(`^${scheme}`) }).check();
  await page.getByLabel("User name").last().fill("bob");
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("definition").first().waitFor();
}

const wide = { viewport: { width: 960, height: 560 } };
try {
  const light = await visit({ ...wide, colorScheme: "light" });
  await light.screenshot({ path: `${IMAGES}sign-in.png` });

  await signIn(await visit({ userAgent: IPHONE }));
  await signIn(await visit({ userAgent: "Mozilla/5.0 (Windows NT 10.0) Firefox/142.0" }), "Token");
  const dark = await visit({ ...wide, colorScheme: "dark" });
  await signIn(dark);
  await dark.getByRole("link", { name: "Sessions" }).click();
  await dark.getByText("Current session").waitFor();
  await dark.screenshot({ path: `${IMAGES}sessions.png` });

  const narrow = await visit({ viewport: { width: 320, height: 480 }, colorScheme: "light" });
  await signIn(narrow);
  await narrow.getByRole("link", { name: "Administration" }).click();
  await narrow.getByRole("heading", { name: "For administrators only" }).waitFor();
  await narrow.screenshot({ path: `${IMAGES}refused.png` });
} finally {
  await browser.close();
  demo.kill("SIGINT");
  await once(demo, "exit");
}
