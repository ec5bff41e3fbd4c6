import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { IdentityServer } from "../features/external-login/identity-server.js";
import type { Page } from "../support/browsers/driver.js";
import { describeBrowser, testWith } from "../support/browsers/index.js";
import { becomes } from "../support/eventually.js";
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
} from "../support/example.js";
import { PASSWORD } from "../support/gate.js";
import { Stage } from "../support/stage.js";
import { codeAt } from "../support/totp.js";

let stage: Stage;
let provider: IdentityServer;

const press = (page: Page, name: string) => page.getByRole("button", { name }).first().click();

const focused = (page: Page) => page.evaluate("document.activeElement.name");

/** Asks for a code, and waits for the mail. */
async function askForCode(page: Page, email: string): Promise<{ digits: string; link: string }> {
  await isSignedOut(page);
  await open(page, "Mail me a code");
  await page.getByLabel("E-mail address").fill(email);
  await press(page, "Mail me a code");
  await heading(page, "Check your mail").waitFor();
  const digits = /^\d{6}$/m.exec(await stage.mailTo(email))?.[0] ?? "";
  return { digits, link: await stage.linkTo(email) };
}

/** Returns the secret that the page shows for an authenticator app. */
async function readSecret(page: Page): Promise<string> {
  await page.getByLabel("Secret").waitFor();
  return (await page.getByLabel("Secret").allTextContents()).join("");
}

/** Expects no serious findings of axe. */
async function isAccessible(page: Page): Promise<void> {
  expect(await findBarriers(page)).toEqual([]);
}

describeBrowser("in a browser", () => {
  beforeAll(async () => {
    stage = await Stage.open(async (url) => {
      provider = await IdentityServer.start(`${url}signed-in`);
      return {
        corsOrigins: [new URL(url).origin],
        externalProviders: { corp: provider.client },
      };
    });
  });

  afterEach(async () => {
    expect(await stage.reset()).toEqual([]);
  });

  afterAll(async () => {
    await stage.close();
    await provider.close();
  });

  describe("a code in a mail", () => {
    test("signs in by its digits, and a wrong code keeps the focus on the field", async () => {
      await stage.gate.user("carl", { email: "carl@example.com" });
      const page = await stage.visit();
      const { digits } = await askForCode(page, "carl@example.com");
      await becomes(() => focused(page), "code");
      await page.keyboard.type(digits === "000000" ? "111111" : "000000");
      await page.keyboard.press("Enter");
      await alert(page).getByText("This code is not valid.").waitFor();
      await becomes(() => focused(page), "code");
      await page.reload();
      await heading(page, "Check your mail").waitFor();
      await page.getByLabel("Six-digit code").fill(`${digits.slice(0, 3)} ${digits.slice(3)}`);
      await page.keyboard.press("Enter");
      await isSignedIn(page, "carl");
      await becomes(() => page.evaluate("location.pathname"), "/");
    });

    test("signs in by its link in another tab of the same browser only", async () => {
      await stage.gate.user("dina", { email: "dina@example.com" });
      const person = await stage.person();
      const { link } = await askForCode(await stage.visit(person), "dina@example.com");
      const elsewhere = await stage.visit(undefined, link);
      await elsewhere.getByText("This browser did not ask for the link.").waitFor();
      const page = await stage.visit(person, link);
      await becomes(() => page.evaluate("location.search"), "");
      await press(page, "Sign in as dina@example.com");
      await isSignedIn(page, "dina");
    });
  });

  describe("an account at a provider", () => {
    // The browser visits the provider, which is another host.
    beforeAll(() => {
      provider.guest = { sub: "g1", email: "gina@example.com", email_verified: true };
    });

    test("signs a new user in, and leaves no parameter in the address bar", async () => {
      stage.expected = new RegExp(`^${provider.issuer}`);
      const page = await stage.visit();
      await isSignedOut(page);
      await press(page, "Continue with corp");
      await page.getByRole("definition").getByText("gina@example.com").waitFor();
      await becomes(() => page.evaluate("location.href"), stage.url);
      // The back button does not lead back to the page that completed the login.
      await page.goto(`${stage.url}signed-in?code=x&state=y`);
      await alert(page).getByText("The login at the provider failed.").waitFor();
      await becomes(() => page.evaluate("location.search"), "");
      await open(page, "Start again");
      await page.getByRole("definition").getByText("gina@example.com").waitFor();
    });

    test("is linked and unlinked on the security page, and an old login needs the password first", async () => {
      stage.expected = new RegExp(`^${provider.issuer}`);
      provider.guest = { sub: "e1", email: "erik@example.org" };
      await stage.gate.user("erik");
      const page = await stage.visit();
      await signIn(page, "erik", { storage: "Session storage" });
      stage.gate.advance(20 * 60);
      await open(page, "Security");
      await press(page, "Link corp");
      const dialog = page.getByRole("dialog", { name: "Confirm that it is you" });
      await dialog.getByLabel("Password").fill(PASSWORD);
      await dialog.getByRole("button", { name: "Confirm" }).click();
      await heading(page, "Your account is linked").waitFor();
      await open(page, "Continue");
      const rows = page.getByRole("list", { name: "Your linked accounts" }).getByRole("listitem");
      await rows.first().getByText("corp").waitFor();
      await rows.first().getByRole("button", { name: "Unlink" }).click();
      await notice(page).getByText("Your account at corp is unlinked.").waitFor();
      await page.getByText("You have linked no account.").waitFor();
      await becomes(() => page.evaluate("document.activeElement.textContent"), "Linked accounts");
    });
  });

  describe("a second factor", () => {
    test("is set up by a code of the app, asked for at the next login, and removed after another code", async () => {
      await stage.gate.user("hana", { email: "hana@example.com" });
      const page = await stage.visit();
      await signIn(page, "hana");
      await open(page, "Security");
      await open(page, "Set up an app");
      await press(page, "Show the QR code");
      const secret = await readSecret(page);
      await page.getByRole("img", { name: "QR code with the secret" }).waitFor();
      const code = () => codeAt(secret, stage.gate.now);
      await page.getByLabel("Code of your app").fill(code());
      await press(page, "Confirm");
      const codes = page.getByRole("list", { name: "Recovery codes" }).getByRole("listitem");
      await codes.first().waitFor();
      const [recoveryCode = "", ...others] = await codes.allTextContents();
      expect(others).toHaveLength(9);
      await press(page, "I have stored them");
      await page.getByText("You have 10 recovery codes left.").waitFor();
      await signOut(page);

      await submit(page, "hana");
      await heading(page, "Second step").waitFor();
      await becomes(() => page.title(), "Second step · Gatehouse");
      // The code that was used to set up the app does not work again.
      await page.getByLabel("Code of your app").fill(code());
      await press(page, "Sign in");
      await alert(page).getByText("This code is not valid.").waitFor();
      await becomes(() => focused(page), "code");
      await press(page, "Cancel");
      await submit(page, "hana");
      await press(page, "Use a recovery code");
      await page.getByLabel("Recovery code").fill(recoveryCode);
      await press(page, "Sign in");
      await page.getByText("You have 9 recovery codes left.").waitFor();

      stage.gate.advance(20 * 60);
      await press(page, "Remove the app");
      await page
        .getByRole("dialog", { name: "Remove the app?" })
        .getByRole("button", { name: "Remove the app" })
        .click();
      const dialog = page.getByRole("dialog", { name: "Confirm that it is you" });
      await dialog.getByLabel("Code of your app").fill(code());
      await dialog.getByRole("button", { name: "Confirm" }).click();
      await notice(page).getByText("The app is removed.").waitFor();
      await page.getByRole("link", { name: "Set up an app" }).waitFor();
    });
  });

  testWith("media")("axe finds no violation on these pages", async () => {
    await stage.gate.user("fred", { email: "fred@example.com" });
    const page = await stage.visit();
    await page.getByRole("button", { name: "Continue with corp" }).waitFor();
    await isAccessible(page);
    await open(page, "Mail me a code");
    await page.getByLabel("E-mail address").waitFor();
    await isAccessible(page);
    await page.getByRole("link", { name: "Back to sign in" }).click();
    const { link } = await askForCode(page, "fred@example.com");
    await isAccessible(page);
    await page.goto(stage.url + link);
    await press(page, "Sign in as fred@example.com");
    await isSignedIn(page, "fred");
    await open(page, "Security");
    await page.getByRole("button", { name: "Link corp" }).waitFor();
    await isAccessible(page);
    await open(page, "Set up an app");
    await press(page, "Show the QR code");
    const secret = await readSecret(page);
    await isAccessible(page);
    await page.getByLabel("Code of your app").fill(codeAt(secret, stage.gate.now));
    await press(page, "Confirm");
    await page.getByRole("list", { name: "Recovery codes" }).waitFor();
    await isAccessible(page);
    await press(page, "I have stored them");
    await signOut(page);
    await submit(page, "fred");
    await heading(page, "Second step").waitFor();
    await isAccessible(page);
    await page.goto(`${stage.url}signed-in?code=x&state=y`);
    await alert(page).first().waitFor();
    await isAccessible(page);
  });
});
