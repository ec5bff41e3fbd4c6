import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { ACTION_TIMEOUT, type Page } from "../support/browsers/driver.js";
import { describeBrowser, testWith } from "../support/browsers/index.js";
import { becomes, eventually } from "../support/eventually.js";
import {
  alert,
  isSignedIn,
  isSignedOut,
  notice,
  open,
  reload,
  signIn,
  type SignIn,
  signOut,
} from "../support/example.js";
import { Stage } from "../support/stage.js";

const ACCESS_LIFETIME = 60;
const REUSE_WINDOW = 10;

let stage: Stage;

/** Reads the refresh token that a page stores in localStorage. */
const readRefreshToken = (page: Page) =>
  page.evaluate<string>(
    `JSON.parse(Object.entries(localStorage).find(([key]) => key.startsWith("gatehouse:"))[1]).refresh`,
  );

describeBrowser("in a browser", () => {
  beforeAll(async () => {
    stage = await Stage.open(() => ({ accessTokenLifetime: ACCESS_LIFETIME }));
  });

  afterEach(async () => {
    expect(await stage.reset()).toEqual([]);
  });

  afterAll(() => stage.close());

  describe("an access token that expires", () => {
    test.each<SignIn["storage"]>(["Memory", "Session storage", "Local storage", "Cookie"])(
      "is renewed once with the session in %s, and the page continues",
      async (storage) => {
        const page = await stage.visit();
        await signIn(page, "bob", { storage: storage! });
        const before = stage.count("Refresh");
        stage.gate.advance(ACCESS_LIFETIME + 10);
        await open(page, "Security");
        await page.getByText("Current session").waitFor();
        expect(stage.count("Refresh") - before).toBe(1);
      },
    );

    testWith("clock")("is renewed before it expires, by the browser's clock", async () => {
      const page = await stage.visit(await stage.person({}));
      await page.clock.install();
      await page.reload();
      await signIn(page, "bob");
      await page.clock.fastForward((ACCESS_LIFETIME - 5) * 1000);
      const before = stage.count("Me");
      await reload(page);
      await eventually(() => stage.count("Me") > before, ACTION_TIMEOUT);
      expect(stage.count("Refresh")).toBe(1);
      expect(stage.seen.filter(({ answer }) => answer.includes("token_expired"))).toEqual([]);
    });

    test.each<SignIn["storage"]>(["Local storage", "Cookie"])(
      "is renewed once for two tabs that need it at the same moment, and both stay signed in: %s",
      async (storage) => {
        const person = await stage.person();
        const first = await stage.visit(person);
        await signIn(first, "bob", { storage: storage! });
        const second = await stage.visit(person);
        await isSignedIn(second, "bob");
        const before = stage.count("Refresh");
        stage.gate.advance(ACCESS_LIFETIME + 10);
        await Promise.all([first, second].map((tab) => open(tab, "Security")));
        for (const tab of [first, second]) {
          await tab.getByText("Current session").waitFor();
        }
        expect(stage.count("Refresh") - before).toBe(1);
        // Repeats this with the tokens that one tab gave the other.
        stage.gate.advance(ACCESS_LIFETIME + 10);
        for (const tab of [second, first]) {
          await open(tab, "Profile");
          await isSignedIn(tab, "bob");
        }
      },
    );

    test("signs out if the session has expired, and the page says so", async () => {
      const page = await stage.visit();
      await signIn(page, "bob");
      stage.gate.advance(8 * 86_400);
      await reload(page);
      await alert(page).getByText("Your session has expired.").waitFor();
      await isSignedOut(page);
    });
  });

  describe("signing out", () => {
    test.each<SignIn["storage"]>(["Local storage", "Cookie"])(
      "in one tab signs the others out at once: %s",
      async (storage) => {
        const person = await stage.person();
        const first = await stage.visit(person);
        await signIn(first, "bob", { storage: storage! });
        const second = await stage.visit(person);
        await isSignedIn(second, "bob");
        await signOut(first);
        await notice(first).getByText("You are signed out.").waitFor();
        await isSignedOut(second);
        await second.reload();
        await isSignedOut(second);
      },
    );

    test("another device ends its session, and that device says so", async () => {
      await stage.gate.user("emma");
      const here = await stage.visit();
      await signIn(here, "emma");
      const there = await stage.visit();
      await signIn(there, "emma", { storage: "Session storage", scheme: "Token" });
      await open(here, "Security");
      await here
        .getByRole("listitem")
        .filter({ hasNotText: "Current session" })
        .filter({ hasText: "TOKEN" })
        .getByRole("button")
        .click();
      await notice(here).getByText("is signed out.").waitFor();
      await becomes(() => here.evaluate("document.activeElement.textContent"), "Sessions");
      await reload(there);
      await alert(there).getByText("This session was ended").waitFor();
      await isSignedOut(there);
    });

    test("this device, by its row in the list, ends the current session", async () => {
      await stage.gate.user("fred");
      const page = await stage.visit();
      await signIn(page, "fred");
      await open(page, "Security");
      await page.getByRole("button", { name: "Sign out this device" }).click();
      await notice(page).getByText("You are signed out.").waitFor();
      await isSignedOut(page);
    });

    test("everywhere asks for confirmation, and ends every session", async () => {
      const here = await stage.visit();
      await signIn(here, "bob");
      const there = await stage.visit();
      await signIn(there, "bob");
      await open(here, "Security");
      await here.getByRole("button", { name: "Sign out everywhere" }).click();
      await here.getByRole("dialog").getByRole("button", { name: "Sign out everywhere" }).click();
      await notice(here).getByText("You are signed out everywhere.").waitFor();
      await reload(there);
      await isSignedOut(there);
    });
  });

  describe("a stolen refresh token", () => {
    test("ends the session when the thief used it first and the owner refreshes, and the page says so", async () => {
      const page = await stage.visit();
      await signIn(page, "bob");
      const { data } = await stage.gate.refresh(await readRefreshToken(page));
      expect(data.refreshToken.access).toBeTruthy();
      stage.gate.advance(ACCESS_LIFETIME + REUSE_WINDOW);
      await reload(page);
      await alert(page).getByText("An old copy of your session was used").waitFor();
      await isSignedOut(page);
      expect((await stage.gate.me(`Bearer ${data.refreshToken.access}`)).data).toBeNull();
    });

    test("ends the session when the thief uses it after the owner refreshed, and the page says so", async () => {
      const page = await stage.visit();
      await signIn(page, "bob");
      const stolen = await readRefreshToken(page);
      stage.gate.advance(ACCESS_LIFETIME + 10);
      await reload(page);
      await eventually(() => stage.count("Refresh") === 1, ACTION_TIMEOUT);
      stage.gate.advance(REUSE_WINDOW + 1);
      expect((await stage.gate.refresh(stolen)).reason).toBe("token_reused");
      await reload(page);
      await alert(page)
        .getByText(/old copy of your session|someone else used it/)
        .waitFor();
      await isSignedOut(page);
    });
  });

  describe("in cookie mode", () => {
    test("scripts can read no token from a cookie or a storage, and no refresh token from a response", async () => {
      const page = await stage.visit();
      await signIn(page, "bob", { storage: "Cookie" });
      stage.gate.advance(ACCESS_LIFETIME + 10);
      await reload(page);
      await page.reload();
      await isSignedIn(page, "bob");
      const readable = await page.evaluate<string>(
        "JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }])",
      );
      expect(readable).not.toMatch(/eyJ|gth_/);
      const [cookie] = await page.context().cookies();
      // The cookie is not `Secure`, because over plain HTTP WebKit would not store it.
      expect(cookie).toMatchObject({ httpOnly: true, secure: false, sameSite: "Strict" });
      const answers = stage.seen.filter(({ path }) => path === "/cookie/graphql");
      expect(answers.filter(({ operation }) => operation === "Refresh").length).toBeGreaterThan(0);
      for (const { answer } of answers) {
        expect(answer).not.toContain(cookie!.value);
        expect(answer).not.toMatch(/"refresh":"/);
      }
    });

    test("a page load sends one refresh, even in StrictMode", async () => {
      const page = await stage.visit();
      await signIn(page, "bob", { storage: "Cookie" });
      const before = stage.count("Refresh");
      await page.reload();
      await isSignedIn(page, "bob");
      expect(stage.count("Refresh") - before).toBe(1);
    });
  });

  test("two servers on one origin have separate sessions", async () => {
    const person = await stage.person();
    const first = await stage.visit(person);
    await signIn(first, "ada", { storage: "Local storage" });
    const second = await stage.visit(person);
    await isSignedIn(second, "ada");
    await signOut(second);
    await signIn(second, "bob", { storage: "Cookie" });
    await isSignedOut(first);
    await signIn(first, "ada", { storage: "Local storage" });
    stage.gate.advance(ACCESS_LIFETIME + 10);
    for (const [tab, name] of [
      [first, "ada"],
      [second, "bob"],
    ] as const) {
      await reload(tab);
      await isSignedIn(tab, name);
    }
    await signOut(first);
    await isSignedOut(first);
    await reload(second);
    await isSignedIn(second, "bob");
  });
});
