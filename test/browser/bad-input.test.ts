import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { describeBrowser } from "../support/chromium.js";
import {
  alert,
  isSignedIn,
  isSignedOut,
  notice,
  open,
  reload,
  signIn,
  signOut,
  submit,
} from "../support/example.js";
import { LOSSES } from "../support/faulty-proxy.js";
import { Stage } from "../support/stage.js";

const ACCESS_LIFETIME = 60;
/** What Chromium itself says of an answer that does not come, or is an error. */
const FAILED_LOAD = /^Failed to load resource/;
/** Of a request and the attempts after it. */
const MAX_ATTEMPTS = 4;

const FAULTS = [
  "that is cut off before its first byte",
  "that is half a JSON",
  "that is a proxy's page",
  "that is a 502 without a body",
  "that is a 500 of GraphQL",
].map((name) => LOSSES[name]);

let stage: Stage;

describeBrowser("in a browser", () => {
  beforeAll(async () => {
    stage = await Stage.open({ accessTokenLifetime: ACCESS_LIFETIME });
  }, 60_000);

  afterEach(async () => {
    expect(await stage.reset()).toEqual([]);
  });

  afterAll(() => stage.close());

  describe("a server that answers", () => {
    test("a login with nothing right: the page says so, asks once, and the next login is as good as any", async () => {
      const page = await stage.visit();
      stage.expected = FAILED_LOAD;
      // The first is left out: what a connection lost that was kept open, Chromium sends again by itself.
      for (const [asked, fault] of FAULTS.slice(1).entries()) {
        stage.fault = () => fault;
        await submit(page, "bob");
        await alert(page).getByText("The server could not answer.").waitFor();
        expect(stage.count("Login")).toBe(asked + 1);
      }
      stage.fault = undefined;
      await signIn(page, "bob");
    });

    test("a login late: the page says that it is on its way, and waits", async () => {
      const page = await stage.visit();
      stage.fault = () => LOSSES["that comes too late"];
      await submit(page, "bob");
      await page.getByRole("button", { name: "Signing in…" }).waitFor();
      stage.fault = undefined;
      await isSignedIn(page, "bob");
    });

    test("a refresh with nothing right: the login is not lost, and one more attempt is enough", async () => {
      const page = await stage.visit();
      await signIn(page, "bob");
      stage.expected = FAILED_LOAD;
      for (const fault of FAULTS) {
        const before = stage.count("Refresh");
        let losses = 1;
        stage.fault = (operation) => (operation === "Refresh" && losses-- > 0 ? fault : undefined);
        stage.gate.advance(ACCESS_LIFETIME + 10);
        await open(page, "Sessions");
        await page.getByText("Current session").waitFor();
        expect(stage.count("Refresh") - before).toBe(2);
        await open(page, "Profile");
        await isSignedIn(page, "bob");
      }
    });

    test("nothing right for a while: the page says so, asks a few times only, and goes on when it is back", async () => {
      const page = await stage.visit();
      await signIn(page, "bob");
      stage.expected = FAILED_LOAD;
      stage.gate.advance(ACCESS_LIFETIME + 10);
      stage.fault = () => LOSSES["that is a 502 without a body"];
      await reload(page);
      await page.getByText("The server could not answer.").waitFor();
      expect(stage.count("Refresh")).toBeLessThanOrEqual(MAX_ATTEMPTS);
      stage.fault = undefined;
      await page.waitForTimeout(1000);
      await reload(page);
      await isSignedIn(page, "bob");
    });
  });

  test("offline, the page says so and stays signed in; back online, it goes on by itself", async () => {
    const person = await stage.person({});
    const page = await stage.visit(person);
    await signIn(page, "bob");
    stage.expected = FAILED_LOAD;
    await person.setOffline(true);
    await open(page, "Sessions");
    await page.getByText("The server cannot be reached.").waitFor();
    await person.setOffline(false);
    await page.getByText("Current session").waitFor();
  });

  test("offline, a logout is done here, and the page says what is left to do", async () => {
    const person = await stage.person({});
    const page = await stage.visit(person);
    await signIn(page, "bob");
    stage.expected = FAILED_LOAD;
    await person.setOffline(true);
    await signOut(page);
    await isSignedOut(page);
    await notice(page).getByText("The server could not be told").waitFor();
  });

  test("offline at the start, a cookie's session is found once the browser is online", async () => {
    const person = await stage.person({});
    const page = await stage.visit(person);
    await signIn(page, "bob", { storage: "Cookie" });
    stage.expected = FAILED_LOAD;
    stage.fault = () => LOSSES["that is a 502 without a body"];
    await page.reload();
    await alert(page).getByText("The server could not answer.").waitFor();
    stage.fault = undefined;
    await page.waitForTimeout(1000);
    await page.evaluate("dispatchEvent(new Event('online'))");
    await isSignedIn(page, "bob");
  });

  test.each([
    [
      "forbidden",
      "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('', 'SecurityError'); } })",
    ],
    [
      "full",
      "Storage.prototype.setItem = () => { throw new DOMException('', 'QuotaExceededError'); }",
    ],
  ])(
    "a storage that is %s: the login lasts as long as the page, which says so",
    async (_name, script) => {
      const person = await stage.person({});
      await person.addInitScript(script);
      const page = await stage.visit(person);
      await signIn(page, "bob");
      await notice(page).getByText("keeps nothing for this page").waitFor();
      stage.gate.advance(ACCESS_LIFETIME + 10);
      await open(page, "Sessions");
      await page.getByText("Current session").waitFor();
      await page.reload();
      await isSignedOut(page);
    },
  );

  test.each([
    ["slow", -1],
    ["fast", 1],
  ])(
    "a clock that is an hour %s, and is set right later, costs at most one refresh each time",
    async (_name, hours) => {
      const page = await stage.visit(await stage.person({}));
      await page.clock.setFixedTime(Date.now() + hours * 3_600_000);
      await page.reload();
      await signIn(page, "bob");
      await reload(page);
      await open(page, "Sessions");
      await page.getByText("Current session").waitFor();
      expect(stage.count("Refresh")).toBe(0);
      await page.clock.setFixedTime(Date.now());
      await open(page, "Profile");
      await isSignedIn(page, "bob");
      await reload(page);
      await isSignedIn(page, "bob");
      expect(stage.count("Refresh")).toBe(1);
    },
  );

  test("a tab that is closed while it refreshes costs no login: the next one takes the lost answer", async () => {
    const person = await stage.person();
    const page = await stage.visit(person);
    await signIn(page, "bob");
    stage.gate.advance(ACCESS_LIFETIME + 10);
    const asked = new Promise<void>((resolve) => {
      stage.fault = () => {
        resolve();
        return () => undefined;
      };
    });
    const next = await person.newPage();
    await page.bringToFront();
    await reload(page);
    await asked;
    stage.fault = undefined;
    await page.close();
    await next.goto(stage.url);
    await isSignedIn(next, "bob");
    stage.gate.advance(ACCESS_LIFETIME + 10);
    await reload(next);
    await open(next, "Sessions");
    await next.getByText("Current session").waitFor();
  });
});
