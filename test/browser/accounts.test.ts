import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import type { Page } from "../support/browsers/driver.js";
import { describeBrowser } from "../support/browsers/index.js";
import { becomes, eventually } from "../support/eventually.js";
import {
  alert,
  heading,
  isSignedIn,
  isSignedOut,
  notice,
  open,
  reload,
  signIn,
  signOut,
  submit,
} from "../support/example.js";
import { PASSWORD } from "../support/gate.js";
import { Stage } from "../support/stage.js";

const NEW_PASSWORD = "seven green bottles on a wall";

/** The number of wrong passwords in a row that locks an account. */
const WRONG_PASSWORDS = 3;

let stage: Stage;

const press = (page: Page, name: string) => page.getByRole("button", { name }).first().click();

async function signUp(page: Page, username: string, password = PASSWORD): Promise<void> {
  await page.getByLabel("User name").fill(username);
  await page.getByLabel("E-mail address").fill(`${username}@example.com`);
  await page.getByLabel("Password").fill(password);
  await press(page, "Create account");
}

async function requestReset(page: Page, email: string): Promise<void> {
  await open(page, "Forgot your password?");
  await page.getByLabel("E-mail address").fill(email);
  await press(page, "Send the link");
  await heading(page, "Check your mail").waitFor();
}

async function setPassword(page: Page, password: string): Promise<void> {
  await page.getByLabel("New password").fill(password);
  await press(page, "Set password");
}

/** Opens the page of a user, for an administrator. */
async function openUser(page: Page, username: string): Promise<void> {
  await open(page, "Administration");
  await open(page, username);
  await heading(page, username).first().waitFor();
}

const banner = (page: Page) => page.getByRole("complementary", { name: "Impersonation" });

async function actAs(page: Page, username: string): Promise<void> {
  await openUser(page, username);
  await page.getByLabel("Reason").fill("ticket 4711");
  await press(page, "Act as this user");
}

/** Makes every session too old for the fields that need a recent password. */
const waitUntilStale = () => {
  stage.gate.advance(13 * 3600);
};

async function confirmPassword(page: Page): Promise<void> {
  const dialog = page.getByRole("dialog", { name: "Confirm that it is you" });
  await dialog.getByLabel("Password").fill(PASSWORD);
  await dialog.getByRole("button", { name: "Confirm" }).click();
}

describeBrowser("in a browser", () => {
  beforeAll(async () => {
    stage = await Stage.open(() => ({ loginFailureLimit: WRONG_PASSWORDS }));
  });

  afterEach(async () => {
    expect(await stage.reset()).toEqual([]);
  });

  afterAll(() => stage.close());

  describe("a new user", () => {
    test("signs up, opens the link of the mail, and signs in; the link leaves the address bar, and works once", async () => {
      const page = await stage.visit();
      await open(page, "Create an account");
      await signUp(page, "gina");
      await heading(page, "Check your mail").waitFor();
      await open(page, "Send a new one");
      await page.getByRole("link", { name: "Gatehouse" }).click();
      await submit(page, "gina@example.com");
      await alert(page).first().waitFor();
      await submit(page, "gina");
      await alert(page).getByText("Confirm your e-mail address first").waitFor();

      const link = await stage.linkTo("gina@example.com");
      expect(link).toMatch(/^verify-email\?token=/);
      await page.goto(stage.url + link);
      await heading(page, "Confirm your e-mail address").waitFor();
      await becomes(() => page.evaluate("location.href"), `${stage.url}verify-email`);
      await press(page, "Confirm address");
      await heading(page, "Your e-mail address is confirmed").waitFor();
      await open(page, "Continue");
      await signIn(page, "gina");

      await page.goto(stage.url + link);
      await press(page, "Confirm address");
      await alert(page).getByText("This link does not work any more.").waitFor();
      await page.getByRole("button", { name: "Send a new mail" }).waitFor();
    });

    test("gets the problems of a weak password and of a taken name at their fields", async () => {
      const page = await stage.visit(undefined, "sign-up");
      const problemOf = (label: string) =>
        page.evaluate<string>(`(() => {
          const label = [...document.querySelectorAll("label")].find((one) => one.textContent === "${label}");
          const [, problem] = label.control.getAttribute("aria-describedby").split(" ");
          return label.control.ariaInvalid + ": " + document.getElementById(problem).textContent;
        })()`);
      await signUp(page, "hugo", "password");
      await alert(page).getByText("This is too short.").waitFor();
      expect(await problemOf("Password")).toMatch(/^true: .*easy to guess/);
      await becomes(() => page.evaluate("document.activeElement.name"), "newPassword");
      await signUp(page, "bob");
      await alert(page).getByText("is taken.").waitFor();
      expect(await problemOf("User name")).toMatch(/^true: /);
      expect(await problemOf("Password")).toBe("false: ");
    });
  });

  describe("a forgotten password", () => {
    test("is reset by the link of the mail, and the old session ends", async () => {
      await stage.gate.user("ines", { email: "ines@example.com" });
      const old = await stage.visit();
      await signIn(old, "ines");
      const page = await stage.visit();
      await requestReset(page, "ines@example.com");
      await page.goto(stage.url + (await stage.linkTo("ines@example.com")));
      await setPassword(page, "short");
      await alert(page).getByText("This is too short.").waitFor();
      await setPassword(page, NEW_PASSWORD);
      await heading(page, "Your password is changed").waitFor();
      await open(page, "Continue");
      await submit(page, "ines", { password: NEW_PASSWORD });
      await isSignedIn(page, "ines");
      await reload(old);
      await isSignedOut(old);
    });

    test("is not reset by an expired link, and the page says so", async () => {
      await stage.gate.user("jack", { email: "jack@example.com" });
      const page = await stage.visit();
      await requestReset(page, "jack@example.com");
      const link = await stage.linkTo("jack@example.com");
      stage.gate.advance(31 * 60);
      await page.goto(stage.url + link);
      await setPassword(page, NEW_PASSWORD);
      await alert(page).getByText("This link has expired.").waitFor();
      await page.getByRole("link", { name: "Request a new link" }).waitFor();
    });
  });

  describe("a signed-in user", () => {
    test("changes the password, which ends the other sessions but not the current one", async () => {
      await stage.gate.user("kate");
      const [here, there] = [await stage.visit(), await stage.visit()];
      await signIn(here, "kate");
      await signIn(there, "kate");
      await open(here, "Security");
      await here.getByLabel("Current password").fill("not the password of kate");
      await here.getByLabel("New password").fill(NEW_PASSWORD);
      await press(here, "Change password");
      await alert(here).getByText("not correct").waitFor();
      await becomes(() => here.evaluate("document.activeElement.name"), "currentPassword");
      await here.getByLabel("Current password").fill(PASSWORD);
      await press(here, "Change password");
      await notice(here).getByText("Your password is changed.").waitFor();
      await reload(there);
      await isSignedOut(there);
      await open(here, "Profile");
      await isSignedIn(here, "kate");
    });

    test("sees a new event in the recent activity after a reload of the data", async () => {
      const xena = await stage.gate.user("xena");
      const page = await stage.visit();
      await signIn(page, "xena");
      await open(page, "Security");
      const events = page.getByRole("table");
      await events.waitFor();
      await expect(stage.gate.login("xena", "JWT", "wrong")).rejects.toThrow();
      await eventually(async () => {
        const stored = `SELECT id FROM audit_event WHERE type = 'login_failed' AND subject_id = ?`;
        return (await stage.gate.sql(stored, [xena])).length > 0;
      });
      expect((await events.allTextContents()).join()).not.toContain("Login failed");
      await reload(page);
      await events.getByText("Login failed").waitFor();
    });

    test("changes the e-mail address after giving the password again", async () => {
      await stage.gate.user("liam", { email: "liam@example.com" });
      const page = await stage.visit();
      await signIn(page, "liam");
      waitUntilStale();
      await page.getByLabel("New e-mail address").fill("liam.new@example.com");
      await press(page, "Change address");
      await confirmPassword(page);
      await page.getByText("Open the link in the mail to liam.new@example.com.").waitFor();
      await page.goto(stage.url + (await stage.linkTo("liam.new@example.com")));
      await press(page, "Confirm address");
      await heading(page, "Your e-mail address is changed").waitFor();
      await open(page, "Continue");
      await page.getByRole("definition").getByText("liam.new@example.com").waitFor();
    });

    test("creates a named token that is shown once and works, and revokes it", async () => {
      await stage.gate.user("mona");
      const page = await stage.visit();
      await signIn(page, "mona");
      waitUntilStale();
      await open(page, "Security");
      await page.getByLabel("Label").fill("nightly backup");
      await page.getByLabel("Expires in days").fill("7");
      await press(page, "Create token");
      await confirmPassword(page);
      await page.getByText("It is not shown again.").waitFor();
      const token = await page.evaluate<string>("document.querySelector('code').textContent");
      const authorization = `Token ${token}`;
      const { data } = await stage.gate.ask("{ sessions { label createdAt expiresAt } }", {
        authorization,
      });
      const [created] = data.sessions.filter(({ label }: { label: string }) => label);
      expect(created.label).toBe("nightly backup");
      expect(Date.parse(created.expiresAt) - Date.parse(created.createdAt)).toBe(7 * 86_400_000);
      await open(page, "Profile");
      await open(page, "Security");
      const tokens = page.getByRole("list", { name: "Your access tokens" });
      await tokens.getByText("nightly backup").waitFor();
      expect(await page.evaluate("document.body.textContent")).not.toContain(token);
      await tokens.getByRole("button", { name: "Revoke" }).click();
      await notice(page).getByText("nightly backup is revoked.").waitFor();
      expect((await stage.gate.me(authorization)).data).toBeNull();
    });

    test("can dismiss the dialogs, and then deletes the account", async () => {
      await stage.gate.user("nora");
      const page = await stage.visit();
      await signIn(page, "nora");
      waitUntilStale();
      const dialog = page.getByRole("dialog", { name: "Delete your account?" });
      await press(page, "Delete account…");
      await dialog.getByRole("button", { name: "Delete account" }).click();
      await page.getByRole("dialog", { name: "Confirm that it is you" }).waitFor();
      await press(page, "Cancel");
      await notice(page).getByText("Confirm that it is you to do this.").waitFor();
      await press(page, "Delete account…");
      await dialog.getByRole("button", { name: "Delete account" }).click();
      await confirmPassword(page);
      await isSignedOut(page);
      await submit(page, "nora");
      await alert(page).getByText("not correct").waitFor();
    });
  });

  describe("an administrator", () => {
    test("searches, changes a role, and deactivates a user, who is then signed out", async () => {
      await stage.gate.user("otto");
      const otto = await stage.visit();
      await signIn(otto, "otto");
      const page = await stage.visit();
      await signIn(page, "ada");
      await open(page, "Administration");
      await page.getByRole("searchbox").fill("OTT");
      await press(page, "Search");
      await page.getByText("Users with “OTT”").waitFor();
      const users = page.getByRole("list", { name: "Users" }).getByRole("link");
      await becomes(() => users.allTextContents(), ["otto"]);
      await open(page, "otto");
      await press(page, "Make ADMIN");
      await notice(page).getByText("otto is an ADMIN now.").waitFor();
      await page.getByRole("definition").getByText("ADMIN").waitFor();
      await press(page, "Make USER");
      await notice(page).getByText("otto is a USER now.").waitFor();
      await press(page, "Deactivate");
      await notice(page).getByText("otto is deactivated now.").waitFor();
      await page.getByText("No sessions.").waitFor();
      await reload(otto);
      await isSignedOut(otto);
    });

    test("ends a session of a user after giving the password again", async () => {
      await stage.gate.user("quin");
      const page = await stage.visit();
      await signIn(page, "ada");
      waitUntilStale();
      const quin = await stage.visit();
      await signIn(quin, "quin");
      await open(page, "Administration");
      await open(page, "quin");
      await press(page, "End this session");
      await confirmPassword(page);
      await notice(page).getByText("is signed out").waitFor();
      await reload(quin);
      await isSignedOut(quin);
    });

    test("unlocks a user whom wrong passwords have locked", async () => {
      await stage.gate.user("rosa");
      const rosa = await stage.visit();
      for (let tries = 0; tries < WRONG_PASSWORDS; tries += 1) {
        await submit(rosa, "rosa", { password: "not the password of rosa" });
        await alert(rosa).getByText("not correct").waitFor();
      }
      await submit(rosa, "rosa");
      await alert(rosa).getByText("not correct").waitFor();
      expect(stage.count("Login")).toBe(WRONG_PASSWORDS + 1);
      const page = await stage.visit();
      await signIn(page, "ada");
      await openUser(page, "rosa");
      await press(page, "Unlock");
      await notice(page).getByText("rosa can sign in again.").waitFor();
      await signIn(rosa, "rosa");
    });

    test("sends a user a link, which sets a new password", async () => {
      await stage.gate.user("sven", { email: "sven@example.com" });
      const page = await stage.visit();
      await signIn(page, "ada");
      await openUser(page, "sven");
      await press(page, "Send a password reset");
      await notice(page).getByText("sven gets a mail with a link.").waitFor();
      const sven = await stage.visit();
      await sven.goto(stage.url + (await stage.linkTo("sven@example.com")));
      await setPassword(sven, NEW_PASSWORD);
      await open(sven, "Continue");
      await signIn(sven, "sven", { password: NEW_PASSWORD });
    });

    test("ends all sessions of a user", async () => {
      await stage.gate.user("tina");
      const tabs = [await stage.visit(), await stage.visit()];
      for (const tab of tabs) await signIn(tab, "tina");
      const page = await stage.visit();
      await signIn(page, "ada");
      await openUser(page, "tina");
      await press(page, "End all sessions");
      await notice(page).getByText("All sessions of tina have ended.").waitFor();
      await page.getByText("No sessions.").waitFor();
      for (const tab of tabs) {
        await reload(tab);
        await isSignedOut(tab);
      }
    });

    test("turns the pages of the list of users, and a search starts at its first page", async () => {
      const names = Array.from({ length: 23 }, (_, at) => `walt${String(at).padStart(2, "0")}`);
      for (const name of names) await stage.gate.user(name);
      // Users of later tests become newer than these, so that the list shows them on its first page.
      stage.gate.advance(1);
      const page = await stage.visit();
      await signIn(page, "ada");
      await open(page, "Administration");
      const users = page.getByRole("list", { name: "Users" }).getByRole("link");
      const search = async (text: string) => {
        await page.getByRole("searchbox").fill(text);
        await press(page, "Search");
        await page.getByText(`Users with “${text}”`).waitFor();
      };
      await search("walt");
      const first = await users.allTextContents();
      expect(first).toHaveLength(20);
      await press(page, "Next page");
      await page.getByRole("button", { name: "First page" }).waitFor();
      await users.getByText(names.find((name) => !first.includes(name)) ?? "").waitFor();
      const second = await users.allTextContents();
      expect([...first, ...second].toSorted()).toEqual(names);
      await becomes(() => page.getByRole("button", { name: "Next page" }).allTextContents(), []);
      await press(page, "First page");
      await users.getByText(first[0] ?? "").waitFor();
      await becomes(() => users.allTextContents(), first);
      await press(page, "Next page");
      await page.getByRole("button", { name: "First page" }).waitFor();
      await search("alt0");
      await users.getByText("walt09").waitFor();
      await becomes(async () => (await users.allTextContents()).toSorted(), names.slice(0, 10));
    });

    test("acts as a user in one tab, even after a reload, and then stops", async () => {
      await stage.gate.user("uma");
      const person = await stage.person();
      const page = await stage.visit(person);
      await signIn(page, "ada");
      waitUntilStale();
      await actAs(page, "uma");
      await confirmPassword(page);
      await banner(page).getByText("You act as uma (signed in as ada)").waitFor();
      await isSignedIn(page, "uma");
      await page.reload();
      await isSignedIn(page, "uma");
      await banner(page).getByText("uma").first().waitFor();

      const tab = await stage.visit(person);
      await isSignedIn(tab, "ada");
      await becomes(() => banner(tab).allTextContents(), []);

      await page.bringToFront();
      await banner(page).getByRole("button", { name: "Stop" }).click();
      await notice(page).getByText("You are ada again.").waitFor();
      await heading(page, "uma").first().waitFor();
      await page.getByText("No sessions.").waitFor();
      await open(page, "Profile");
      await isSignedIn(page, "ada");
    });

    test("is the administrator again when the session as another user has expired, and the page says so", async () => {
      await stage.gate.user("vera");
      const page = await stage.visit();
      await signIn(page, "ada");
      await actAs(page, "vera");
      await isSignedIn(page, "vera");
      stage.gate.advance(31 * 60);
      await reload(page);
      await notice(page).getByText("The session has ended. You are ada again.").waitFor();
      await heading(page, "vera").first().waitFor();
      await becomes(() => banner(page).allTextContents(), []);
    });

    test("who acts as a user does not see the forms that only that user may use", async () => {
      await stage.gate.user("zoe");
      const page = await stage.visit();
      const formsOf = async () => {
        await isSignedIn(page, "zoe");
        const buttons = await page.getByRole("button").allTextContents();
        await open(page, "Security");
        await heading(page, "Recent activity").waitFor();
        buttons.push(...(await page.getByRole("button").allTextContents()));
        const forms = /^(Change|Create) |^Delete account…/;
        return buttons.filter((button) => forms.test(button));
      };
      await signIn(page, "zoe");
      expect(await formsOf()).toEqual([
        "Change address",
        "Delete account…",
        "Create token",
        "Change password",
      ]);
      await signOut(page);
      await submit(page, "ada");
      await actAs(page, "zoe");
      expect(await formsOf()).toEqual([]);
    });

    test("creates and deletes a user after giving the password again", async () => {
      const page = await stage.visit();
      await signIn(page, "ada");
      await open(page, "Administration");
      waitUntilStale();
      await page.getByLabel("User name").fill("pia");
      await page.getByLabel("First password").fill(NEW_PASSWORD);
      await press(page, "Create user");
      await confirmPassword(page);
      await heading(page, "pia").first().waitFor();
      await press(page, "Delete user…");
      await page.getByRole("dialog").getByRole("button", { name: "Delete user" }).click();
      await heading(page, "Administration").waitFor();
      const users = page.getByRole("list", { name: "Users" }).getByRole("link");
      await users.first().waitFor();
      await eventually(async () => !(await users.allTextContents()).includes("pia"));
    });
  });

  test("an unknown address of the app shows everyone that there is no such page", async () => {
    const page = await stage.visit(undefined, "no/such/page");
    await heading(page, "Page not found").waitFor();
    await becomes(() => page.title(), "Page not found · Gatehouse");
    await open(page, "Go to the start page");
    await signIn(page, "bob");
    await signOut(page);
    await notice(page).getByText("You are signed out.").waitFor();
  });
});
