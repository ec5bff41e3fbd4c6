import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
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
  reload,
  signIn,
  type SignIn,
  signOut,
  submit,
  tabTo,
} from "../support/example.js";
import { PASSWORD } from "../support/gate.js";
import { Stage } from "../support/stage.js";

let stage: Stage;

describeBrowser("in a browser", () => {
  beforeAll(async () => {
    stage = await Stage.open(() => ({ loginFailuresPerAccount: 5 }));
  });

  afterEach(async () => {
    expect(await stage.reset()).toEqual([]);
  });

  afterAll(() => stage.close());

  describe("a login", () => {
    test.each<[SignIn["scheme"], SignIn["storage"], staysSignedIn: boolean]>([
      ["JWT", "Memory", false],
      ["JWT", "Session storage", true],
      ["JWT", "Local storage", true],
      ["JWT", "Cookie", true],
      ["Token", "Memory", false],
      ["Token", "Local storage", true],
      ["Sliding token", "Session storage", true],
    ])("by %s, stored in %s, survives a reload: %s", async (scheme, storage, staysSignedIn) => {
      const page = await stage.visit();
      await signIn(page, "bob", { scheme: scheme!, storage: storage! });
      await becomes(() => page.title(), "Profile · Gatehouse");
      await page.reload();
      await (staysSignedIn ? isSignedIn(page, "bob") : isSignedOut(page));
    });

    test("by e-mail address", async () => {
      const page = await stage.visit();
      await submit(page, "bob@example.com");
      await isSignedIn(page, "bob");
    });

    test("in one tab signs in the tabs that share its storage, and only those", async () => {
      const person = await stage.person();
      const first = await stage.visit(person);
      await signIn(first, "bob", { storage: "Session storage" });
      const second = await stage.visit(person);
      await isSignedOut(second);
      await signIn(second, "ada", { storage: "Local storage" });
      await isSignedIn(await stage.visit(person), "ada");
      await isSignedIn(first, "bob");
    });

    test("with a wrong password says so, keeps the name, and moves the focus to the password", async () => {
      const page = await stage.visit();
      await submit(page, "bob", { password: "not the password of bob" });
      await alert(page).getByText("not correct").waitFor();
      expect(await page.getByLabel("User name").inputValue()).toBe("bob");
      await becomes(() => page.evaluate("document.activeElement.name"), "password");
      await page.keyboard.type(PASSWORD);
      await page.keyboard.press("Enter");
      await isSignedIn(page, "bob");
    });

    test("when throttled says for how long, counts down, and succeeds after that", async () => {
      await stage.gate.user("carl");
      const page = await stage.visit();
      const query = `mutation { login(username: "carl", password: "no") { access } }`;
      for (let failures = 0; failures < 5; failures += 1) await stage.gate.ask(query);
      await submit(page, "carl", { password: "not the password of carl" });
      await alert(page)
        .getByText(/^Too many attempts. Try again in 1 second.$/)
        .first()
        .waitFor();
      await alert(page).getByText("You can try again now.").waitFor();
      stage.gate.advance(2);
      await submit(page, "carl", { password: "not the password of carl" });
      await alert(page).getByText("not correct").waitFor();
      stage.gate.advance(4);
      await signIn(page, "carl");
    });
  });

  describe("the administration page", () => {
    test("is refused to a USER by the server, and says why", async () => {
      const page = await stage.visit();
      await signIn(page, "bob");
      const links = page.getByRole("navigation").getByRole("link");
      await becomes(() => links.allTextContents(), ["Profile", "Security"]);
      await page.goto(`${stage.url}admin`);
      await heading(page, "For administrators only").waitFor();
      expect(stage.seen.at(-1)!.answer).toContain("role_required");
      await page.getByRole("link", { name: "Back to your profile" }).click();
      await isSignedIn(page, "bob");
    });

    test("finds a user for an ADMIN, and ends one of the user's sessions", async () => {
      await stage.gate.user("dora");
      const dora = await stage.visit();
      await signIn(dora, "dora");
      const ada = await stage.visit();
      await signIn(ada, "ada");
      await open(ada, "Administration");
      await ada.getByRole("searchbox").fill("DORA");
      await ada.keyboard.press("Enter");
      await open(ada, "dora");
      const rows = ada.getByRole("list", { name: "Sessions of dora" }).getByRole("listitem");
      await rows.first().getByRole("button").click();
      await notice(ada).getByText("is signed out").waitFor();
      await reload(dora);
      await alert(dora).getByText("This session was ended").waitFor();
    });
  });

  describe("accessibility", () => {
    test("signing in, navigating and signing out need only the keyboard", async () => {
      const page = await stage.visit();
      // In a background tab, Firefox does not turn Enter on a button into a click.
      await page.bringToFront();
      await tabTo(page, "Skip to content");
      await page.keyboard.press("Enter");
      await becomes(() => page.evaluate("document.activeElement.id"), "main");
      await tabTo(page, "User name or e-mail address");
      await page.keyboard.type("bob@example.com");
      await tabTo(page, "Password");
      await page.keyboard.type(PASSWORD);
      await page.keyboard.press("Enter");
      await isSignedIn(page, "bob");
      await becomes(() => page.evaluate("document.activeElement.id"), "main");
      await page.reload();
      await isSignedIn(page, "bob");
      await tabTo(page, "Security");
      await page.keyboard.press("Enter");
      await heading(page, "Sessions").waitFor();
      await becomes(() => page.title(), "Security · Gatehouse");
      await tabTo(page, "Sign out everywhere");
      await page.keyboard.press("Enter");
      await heading(page, "Sign out everywhere?").waitFor();
      await page.keyboard.press("Escape");
      await becomes(
        () => page.evaluate("document.activeElement.textContent"),
        "Sign out everywhere…",
      );
      await page.keyboard.press("Shift+Tab");
      await page.reload();
      await tabTo(page, "Sign out");
      await page.keyboard.press("Enter");
      await notice(page).getByText("You are signed out.").waitFor();
    });

    testWith("media")("axe finds no violation, in light and in dark", async () => {
      const page = await stage.visit();
      const barriers: Record<string, string[]> = {};
      const check = async (name: string) => {
        barriers[name] = await findBarriers(page);
      };
      await heading(page, "Sign in").waitFor();
      await check("sign-in");
      await submit(page, "bob", { password: "not the password of bob" });
      await alert(page).getByText("not correct").waitFor();
      await check("refused sign-in");
      await signIn(page, "bob");
      await check("profile");
      await open(page, "Security");
      await page.getByText("Current session").waitFor();
      await check("security");
      await page.getByRole("button", { name: "Sign out everywhere" }).click();
      await check("dialog");
      await page.keyboard.press("Escape");
      await page.goto(`${stage.url}admin`);
      await heading(page, "For administrators only").waitFor();
      await check("administration, refused");
      await signOut(page);
      await notice(page).getByText("You are signed out.").waitFor();
      await check("signed out");
      await submit(page, "ada");
      await heading(page, "Create a user").waitFor();
      await check("administration");
      await open(page, "ada");
      await page.getByText("Current session").waitFor();
      await check("a user");
      await open(page, "Administration");
      await open(page, "bob");
      await page.getByLabel("Reason").fill("ticket 4711");
      await page.getByRole("button", { name: "Act as this user" }).click();
      await isSignedIn(page, "bob");
      await check("acting as a user");
      await page.getByRole("button", { name: "Stop" }).click();
      await heading(page, "Act as bob").waitFor();
      await check("another user");
      await signOut(page);
      for (const path of [
        "sign-up",
        "forgot-password",
        "verify-email?token=x",
        "reset-password?token=x",
        "nowhere",
      ]) {
        await page.goto(stage.url + path);
        await page.getByRole("heading").first().waitFor();
        await check(path);
      }
      expect(
        Object.fromEntries(Object.entries(barriers).filter(([, found]) => found.length)),
      ).toEqual({});
    });

    testWith("viewport")("no page scrolls sideways at 320 pixels", async () => {
      const page = await stage.visit(await stage.person({ viewport: { width: 320, height: 640 } }));
      const isTooWide = () => page.evaluate("document.documentElement.scrollWidth > innerWidth");
      await submit(page, "bob", { password: "not the password of bob" });
      await alert(page).getByText("not correct").waitFor();
      expect(await isTooWide()).toBe(false);
      await signIn(page, "bob");
      expect(await isTooWide()).toBe(false);
      await open(page, "Security");
      await page.getByText("Current session").waitFor();
      expect(await isTooWide()).toBe(false);
      await signOut(page);
      await submit(page, "ada");
      await open(page, "Administration");
      await heading(page, "Create a user").waitFor();
      expect(await isTooWide()).toBe(false);
      await open(page, "ada");
      await page.getByText("Current session").waitFor();
      expect(await isTooWide()).toBe(false);
    });
  });
});
