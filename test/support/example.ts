import axe from "axe-core";
import type { Locator, Page } from "./browsers/driver.js";
import { PASSWORD } from "./gate.js";

/** The choices in the example's sign-in form, by label. */
export interface SignIn {
  readonly password?: string;
  readonly scheme?: "JWT" | "Token" | "Sliding token";
  readonly storage?: "Memory" | "Session storage" | "Local storage" | "Cookie";
}

/** Fills in the example's sign-in form, and sends it. */
export async function submit(page: Page, name: string, how: SignIn = {}): Promise<void> {
  const { scheme = "JWT", storage = "Local storage" } = how;
  await page.bringToFront();
  await isSignedOut(page);
  if (!(await page.evaluate<boolean>("document.querySelector('details').open")))
    await page.getByText("Developer options").click();
  await page.getByRole("radio", { name: new RegExp(`^${scheme}`) }).check();
  await page.getByRole("radio", { name: new RegExp(`^${storage}`) }).check();
  await page.getByRole("textbox").first().fill(name);
  await page.getByLabel("Password").fill(how.password ?? PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Signs in, and waits for the profile. */
export async function signIn(page: Page, name: string, how?: SignIn): Promise<void> {
  await submit(page, name, how);
  await isSignedIn(page, name);
}

/** Waits until the profile shows the user name, which comes from the server. */
export async function isSignedIn(page: Page, name: string): Promise<void> {
  await page.getByRole("definition").getByText(name, { exact: true }).waitFor();
}

export async function isSignedOut(page: Page): Promise<void> {
  await heading(page, "Sign in").waitFor();
}

/** Loads the data of the page again. */
export async function reload(page: Page): Promise<void> {
  await page.bringToFront();
  await page.getByRole("button", { name: "Reload" }).click();
}

/** Opens a page by its link at the top. */
export async function open(page: Page, name: string): Promise<void> {
  await page.bringToFront();
  await page.getByRole("link", { name, exact: true }).click();
}

export async function signOut(page: Page): Promise<void> {
  await page.bringToFront();
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
}

/** Presses Tab until the focus is on the link, button or field with this text or label. */
export async function tabTo(page: Page, name: string): Promise<void> {
  const isThere = `document.activeElement.matches(":is(a, button, input)") &&
    (document.activeElement.labels?.[0] ?? document.activeElement).textContent.includes(${JSON.stringify(name)})`;
  for (let presses = 0; presses < 30; presses += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate<boolean>(isThere)) return;
  }
  throw new Error(`The Tab key never reaches ${name}.`);
}

export const heading = (page: Page, name: string): Locator => page.getByRole("heading", { name });
export const alert = (page: Page): Locator => page.getByRole("alert");
export const notice = (page: Page): Locator => page.getByRole("status").first();

/**
 * Returns the serious findings of axe. It checks every rule in the light theme, but only contrast in the dark theme.
 */
export async function findBarriers(page: Page): Promise<string[]> {
  if (!(await page.evaluate<boolean>("'axe' in window"))) await page.evaluate(axe.source);
  const run = (more: axe.RunOptions) => {
    const options: axe.RunOptions = { resultTypes: ["violations"], preload: false, ...more };
    return page.evaluate<axe.AxeResults>(`axe.run(${JSON.stringify(options)})`);
  };
  await page.emulateMedia({ colorScheme: "light" });
  const inLight = await run({});
  await page.emulateMedia({ colorScheme: "dark" });
  const inDark = await run({ runOnly: ["color-contrast"] });
  return [...inLight.violations, ...inDark.violations]
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}
