import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import type { Authenticator, Page } from "../support/browsers/driver.js";
import { describeBrowser, testWith } from "../support/browsers/index.js";
import { becomes, eventually } from "../support/eventually.js";
import {
  alert,
  findBarriers,
  heading,
  isSignedIn,
  isSignedOut,
  notice,
  open,
  signIn,
  signOut,
  submit,
  tabTo,
} from "../support/example.js";
import { Stage } from "../support/stage.js";

let stage: Stage;

const press = (page: Page, name: string) => page.getByRole("button", { name }).first().click();

/**
 * Opens the sign-in form with an authenticator. As soon as a form offers passkeys, the authenticator uses one, as if the
 * user had chosen it in the list of the field.
 */
async function visit(): Promise<{ page: Page; device: Authenticator }> {
  const page = await stage.visit();
  const device = await stage.addAuthenticator(page);
  return { page, device };
}

/** Signs a new user in, and adds a passkey, which is the user's first second factor. */
async function addPasskey(page: Page, name: string): Promise<void> {
  await stage.gate.user(name, { email: `${name}@example.com` });
  await signIn(page, name);
  await open(page, "Security");
  await page.getByLabel("Name of this device").fill("Laptop");
  await press(page, "Add a passkey");
  await page.getByRole("list", { name: "Recovery codes" }).waitFor();
  await press(page, "I have stored them");
}

/** Signs out while the user is away, so that the authenticator does not answer the form's offer. */
async function leave(page: Page, device: Authenticator): Promise<void> {
  await device.setAway(true);
  await signOut(page);
  await isSignedOut(page);
}

/** Waits until the form has offered passkeys. An authenticator does not answer offers that it got while away. */
async function untilOffered(page: Page): Promise<void> {
  await eventually(() => stage.seen.at(-1)?.operation === "BeginPasskeyLogin");
  // The page has read the response to its offer before it gets this one.
  await page.evaluate("fetch(location.href).then((response) => response.text())");
}

const passkeysOf = (page: Page) =>
  page.getByRole("list", { name: "Your passkeys" }).getByRole("listitem");

describeBrowser("in a browser", () => {
  beforeAll(async () => {
    stage = await Stage.open(() => ({}), "localhost");
  });

  afterEach(async () => {
    expect(await stage.reset()).toEqual([]);
  });

  afterAll(() => stage.close());

  testWith("authenticator")("a passkey is added, and logs in by the button", async () => {
    const { page, device } = await visit();
    await addPasskey(page, "carl");
    await passkeysOf(page).getByText("Laptop").waitFor();
    expect(await device.countPasskeys()).toBe(1);
    await leave(page, device);
    await untilOffered(page);
    await device.setAway(false);
    await press(page, "Use a passkey");
    await heading(page, "Passkeys").waitFor();
    await open(page, "Profile");
    await isSignedIn(page, "carl");
  });

  testWith("authenticator")(
    "a passkey that is chosen in the list of the name's field logs in",
    async () => {
      const { page, device } = await visit();
      await addPasskey(page, "dina");
      await open(page, "Profile");
      await signOut(page);
      // The virtual authenticator chooses the passkey as soon as the page offers it.
      await eventually(() => stage.count("PasskeyLogin") === 1);
      await isSignedIn(page, "dina");
      await leave(page, device);
      const field = `document.querySelector("[name=identifier]")`;
      expect(await page.evaluate(`${field}.autocomplete`)).toBe("username webauthn");
    },
  );

  test("the sign-in form offers passkeys once, and again after another login was refused", async () => {
    const page = await stage.visit();
    await isSignedOut(page);
    const canOffer = await page.evaluate<boolean>(
      "window.PublicKeyCredential?.isConditionalMediationAvailable?.() ?? false",
    );
    const offers = () => Promise.resolve(stage.count("BeginPasskeyLogin"));
    await becomes(offers, canOffer ? 1 : 0);
    await page.getByRole("textbox").first().fill("bob");
    await page.getByLabel("Password").fill("not the password of bob");
    await press(page, "Sign in");
    await alert(page).getByText("not correct").waitFor();
    await becomes(offers, canOffer ? 2 : 0);
    await open(page, "Create an account");
    await heading(page, "Create your account").waitFor();
    expect(await offers()).toBe(canOffer ? 2 : 0);
  });

  testWith("authenticator")("a device without a passkey says that none was used", async () => {
    const { page } = await visit();
    await isSignedOut(page);
    await press(page, "Use a passkey");
    await alert(page).getByText("No passkey was used.").waitFor();
    await signIn(page, "bob");
  });

  testWith("authenticator")("a passkey is the second step of a login by password", async () => {
    const { page, device } = await visit();
    await addPasskey(page, "erik");
    await leave(page, device);
    await submit(page, "erik");
    await heading(page, "Second step").waitFor();
    await device.setAway(false);
    await press(page, "Use a passkey");
    await heading(page, "Passkeys").waitFor();
    expect(stage.count("PasskeyLogin")).toBe(0);
    expect(stage.count("CompleteLogin")).toBe(1);
  });

  testWith("authenticator")(
    "a passkey is renamed, and removed after a proof by itself, and the device forgets it",
    async () => {
      const { page, device } = await visit();
      await addPasskey(page, "fred");
      await press(page, "Rename");
      await becomes(() => page.evaluate("document.activeElement.value"), "Laptop");
      await page.getByLabel("New name").fill("Work laptop");
      await press(page, "Save");
      await notice(page).getByText("Laptop is now Work laptop.").waitFor();
      await becomes(() => page.evaluate("document.activeElement.textContent"), "Passkeys");
      await passkeysOf(page).getByText("Work laptop").waitFor();

      stage.gate.advance(20 * 60);
      await press(page, "Remove");
      const dialog = page.getByRole("dialog", { name: "Confirm that it is you" });
      await dialog.getByRole("button", { name: "Use a passkey" }).click();
      await notice(page).getByText("Work laptop is removed.").waitFor();
      await becomes(() => page.evaluate("document.activeElement.textContent"), "Passkeys");
      // The page tells the device by the Signal API.
      await becomes(() => device.countPasskeys(), 0);
      await leave(page, device);
      await submit(page, "fred");
      await heading(page, "Passkeys").waitFor();
    },
  );

  testWith("authenticator")(
    "adding a passkey and logging in with it need only the keyboard",
    async () => {
      await stage.gate.user("gina");
      const { page, device } = await visit();
      await signIn(page, "gina");
      await open(page, "Security");
      await page.getByLabel("Name of this device").waitFor();
      await tabTo(page, "Name of this device");
      await page.keyboard.type("Laptop");
      await page.keyboard.press("Enter");
      await page.getByRole("list", { name: "Recovery codes" }).waitFor();
      await tabTo(page, "I have stored them");
      await page.keyboard.press("Enter");
      await open(page, "Profile");
      await isSignedIn(page, "gina");
      await device.setAway(true);
      await tabTo(page, "Sign out");
      await page.keyboard.press("Enter");
      await isSignedOut(page);
      await untilOffered(page);
      await tabTo(page, "Use a passkey");
      await device.setAway(false);
      await page.keyboard.press("Enter");
      await isSignedIn(page, "gina");
      await becomes(() => page.evaluate("document.activeElement.id"), "main");
    },
  );

  testWith("authenticator")("axe finds no violation on these pages", async () => {
    const isAccessible = async () => {
      expect(await findBarriers(page)).toEqual([]);
    };
    const { page, device } = await visit();
    await isSignedOut(page);
    await press(page, "Use a passkey");
    await alert(page).getByText("No passkey was used.").waitFor();
    await isAccessible();
    await addPasskey(page, "hana");
    await press(page, "Rename");
    await page.getByLabel("New name").waitFor();
    await isAccessible();
    await press(page, "Cancel");
    stage.gate.advance(20 * 60);
    await press(page, "Remove");
    await page.getByRole("dialog", { name: "Confirm that it is you" }).waitFor();
    await isAccessible();
    await page.keyboard.press("Escape");
    await leave(page, device);
    await submit(page, "hana");
    await heading(page, "Second step").waitFor();
    await isAccessible();
  });
});
