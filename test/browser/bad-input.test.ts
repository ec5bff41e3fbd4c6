import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { describeBrowser, testWith } from "../support/browsers/index.js";
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
/** Chromium's console message about a response that fails or is an error. */
const FAILED_LOAD = /^Failed to load resource/;
/** The number of attempts at a request: the first one and its retries. */
const MAX_ATTEMPTS = 4;

const FAULTS = [
  "that is cut off before its first byte",
  "that is truncated JSON",
  "that is a proxy's page",
  "that is a 502 without a body",
  "that is a GraphQL error with status 500",
].map((name) => LOSSES[name]);

let stage: Stage;

describeBrowser("in a browser", () => {
  beforeAll(async () => {
    stage = await Stage.open(() => ({ accessTokenLifetime: ACCESS_LIFETIME }));
  });

  afterEach(async () => {
    expect(await stage.reset()).toEqual([]);
  });

  afterAll(() => stage.close());

  describe("a server with faults", () => {
    test("fails a login: the page says so, sends it once, and the next login succeeds", async () => {
      const page = await stage.visit();
      stage.expected = FAILED_LOAD;
      // The first fault is left out, because Chromium itself retries a request when a kept-open connection breaks.
      for (const [index, fault] of FAULTS.slice(1).entries()) {
        stage.fault = () => fault;
        await submit(page, "bob");
        await alert(page).getByText("The server could not answer.").waitFor();
        expect(stage.count("Login")).toBe(index + 1);
      }
      stage.fault = undefined;
      await signIn(page, "bob");
    });

    test("responds late to a login: the page says that it is signing in, and waits", async () => {
      const page = await stage.visit();
      stage.fault = () => LOSSES["that comes too late"];
      await submit(page, "bob");
      await page.getByRole("button", { name: "Signing in…" }).waitFor();
      stage.fault = undefined;
      await isSignedIn(page, "bob");
    });

    test("fails a refresh: the session is not lost, and one retry succeeds", async () => {
      const page = await stage.visit();
      await signIn(page, "bob");
      stage.expected = FAILED_LOAD;
      for (const fault of FAULTS) {
        const before = stage.count("Refresh");
        let losses = 1;
        stage.fault = (operation) => (operation === "Refresh" && losses-- > 0 ? fault : undefined);
        stage.gate.advance(ACCESS_LIFETIME + 10);
        await open(page, "Security");
        await page.getByText("Current session").waitFor();
        expect(stage.count("Refresh") - before).toBe(2);
        await open(page, "Profile");
        await isSignedIn(page, "bob");
      }
    });

    test("fails for a while: the page says so, retries a few times, and continues once the server is back", async () => {
      const page = await stage.visit();
      await signIn(page, "bob");
      stage.expected = FAILED_LOAD;
      stage.gate.advance(ACCESS_LIFETIME + 10);
      stage.fault = () => LOSSES["that is a 502 without a body"];
      await reload(page);
      await page.getByText("The server could not answer.").waitFor();
      expect(stage.count("Refresh")).toBeLessThanOrEqual(MAX_ATTEMPTS);
      stage.fault = undefined;
      await page.waitForTimeout(2100);
      await reload(page);
      await isSignedIn(page, "bob");
    });
  });

  testWith("offline")(
    "offline, the page says so and stays signed in; back online, it continues without a reload",
    async () => {
      const person = await stage.person({});
      const page = await stage.visit(person);
      await signIn(page, "bob");
      stage.expected = FAILED_LOAD;
      await person.setOffline(true);
      await open(page, "Security");
      await page.getByText("The server cannot be reached.").waitFor();
      await person.setOffline(false);
      await page.getByText("Current session").waitFor();
    },
  );

  testWith("offline")(
    "offline, a logout signs out here, and the page says that the session stays open at the server",
    async () => {
      const person = await stage.person({});
      const page = await stage.visit(person);
      await signIn(page, "bob");
      stage.expected = FAILED_LOAD;
      await person.setOffline(true);
      await signOut(page);
      await isSignedOut(page);
      await notice(page)
        .getByText("The server could not be reached, so the session there stays open")
        .waitFor();
    },
  );

  test("a page that is offline at its start finds the cookie's session once the browser is online", async () => {
    const person = await stage.person({});
    const page = await stage.visit(person);
    await signIn(page, "bob", { storage: "Cookie" });
    stage.expected = FAILED_LOAD;
    stage.fault = () => LOSSES["that is a 502 without a body"];
    await page.reload();
    await alert(page).getByText("The server could not answer.").waitFor();
    stage.fault = undefined;
    await page.waitForTimeout(2100);
    await page.evaluate("dispatchEvent(new Event('online'))");
    await isSignedIn(page, "bob");
  });

  testWith("initScript").each([
    [
      "forbidden",
      "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('', 'SecurityError'); } })",
    ],
    [
      "full",
      "Storage.prototype.setItem = () => { throw new DOMException('', 'QuotaExceededError'); }",
    ],
  ])(
    "a storage that is %s: the session lasts as long as the page, which says so",
    async (_name, script) => {
      const person = await stage.person({});
      await person.addInitScript(script);
      const page = await stage.visit(person);
      await signIn(page, "bob");
      await notice(page).getByText("cannot store your session").waitFor();
      stage.gate.advance(ACCESS_LIFETIME + 10);
      await open(page, "Security");
      await page.getByText("Current session").waitFor();
      await page.reload();
      await isSignedOut(page);
    },
  );

  testWith("clock").each([
    ["slow", -1],
    ["fast", 1],
  ])(
    "a clock that is an hour %s, and is corrected later, costs at most one refresh",
    async (_name, hours) => {
      const page = await stage.visit(await stage.person({}));
      await page.clock.setFixedTime(Date.now() + hours * 3_600_000);
      await page.reload();
      await signIn(page, "bob");
      await reload(page);
      await open(page, "Security");
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

  test("a tab that is closed during a refresh ends no session: the next one gets the lost response", async () => {
    const person = await stage.person();
    const page = await stage.visit(person);
    await signIn(page, "bob");
    stage.gate.advance(ACCESS_LIFETIME + 10);
    const requested = new Promise<void>((resolve) => {
      stage.fault = () => {
        resolve();
        return () => undefined;
      };
    });
    const next = await person.newPage();
    await page.bringToFront();
    await reload(page);
    await requested;
    stage.fault = undefined;
    await page.close();
    await next.goto(stage.url);
    await isSignedIn(next, "bob");
    stage.gate.advance(ACCESS_LIFETIME + 10);
    await reload(next);
    await open(next, "Security");
    await next.getByText("Current session").waitFor();
  });
});
