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
let url;
const passwords = {};
for await (const line of createInterface({ input: demo.stdout })) {
  url ??= /at (http:\S+\/),/.exec(line)?.[1];
  const [, name, password] = /(ada|bob) .*password: (\S+)/.exec(line) ?? [];
  if (name) passwords[name] = password;
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

async function signIn(page, name) {
  await page.getByLabel("User name").fill(name);
  await page.getByLabel("Password").fill(passwords[name]);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("definition").first().waitFor();
}

const wide = { viewport: { width: 960, height: 800 } };
try {
  const light = await visit({ ...wide, colorScheme: "light" });
  await light.getByRole("button", { name: "Continue with corp" }).waitFor();
  await light.screenshot({ path: `${IMAGES}sign-in.png` });

  await signIn(await visit({ userAgent: IPHONE }), "bob");
  const dark = await visit({ ...wide, colorScheme: "dark" });
  await signIn(dark, "bob");
  await dark.getByRole("link", { name: "Security" }).click();
  await dark.getByText("Current session").waitFor();
  await dark.screenshot({ path: `${IMAGES}security.png` });
  await dark.getByRole("link", { name: "Set up an app" }).click();
  await dark.getByRole("button", { name: "Show the QR code" }).click();
  await dark.getByLabel("Code of your app").waitFor();
  await dark.screenshot({ path: `${IMAGES}second-factor.png` });

  await signIn(light, "ada");
  await light.getByRole("link", { name: "Administration" }).click();
  await light.getByRole("link", { name: "bob" }).click();
  await light.getByRole("heading", { name: "bob", exact: true }).waitFor();
  await light.screenshot({ path: `${IMAGES}administration.png` });
} finally {
  await browser.close();
  demo.kill("SIGINT");
  await once(demo, "exit");
}
