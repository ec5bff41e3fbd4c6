import { type BrowserContext, chromium, type Page } from "playwright-core";
import { ACTION_TIMEOUT, type Browser, type Complain } from "./driver.js";

/** Switches that stop Chromium's own requests, such as the search for updates. */
const SWITCHES = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const AUTHENTICATOR = {
  protocol: "ctap2",
  transport: "internal",
  hasResidentKey: true,
  hasUserVerification: true,
  isUserVerified: true,
  automaticPresenceSimulation: true,
} as const;

/** Starts a Chromium with a new profile. */
export async function openChromium(executablePath: string): Promise<Browser> {
  const browser = await chromium.launch({ executablePath, args: SWITCHES });
  return {
    async newPerson(options, complain) {
      const context = await browser.newContext(options);
      watch(context, complain);
      return context;
    },
    async addAuthenticator(tab) {
      // This tab is Playwright's, so the cast is safe.
      const page = tab as unknown as Page;
      const session = await page.context().newCDPSession(page);
      await session.send("WebAuthn.enable");
      const authenticator = await session.send("WebAuthn.addVirtualAuthenticator", {
        options: AUTHENTICATOR,
      });
      return {
        async setAway(isAway) {
          const presence = { ...authenticator, enabled: !isAway };
          await session.send("WebAuthn.setAutomaticPresenceSimulation", presence);
        },
        async countPasskeys() {
          const { credentials } = await session.send("WebAuthn.getCredentials", authenticator);
          return credentials.length;
        },
      };
    },
    close: () => browser.close(),
  };
}

function watch(context: BrowserContext, complain: Complain): void {
  context.setDefaultTimeout(ACTION_TIMEOUT);
  context.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complain.problem(message.text());
  });
  context.on("weberror", (error) => {
    complain.problem(String(error.error()));
  });
  context.on("request", (asked) => {
    complain.request(asked.url());
  });
}
